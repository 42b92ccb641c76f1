"""
Reasoning after the ranking: sentences about the first module that a person can check.

The language model writes them from the ranking and the evidence. Every name, path, line and commit in a sentence must
exist in the catalog (and belong together), or the sentence is dropped; when none survives, a template speaks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from graph.values import Catalog
from inference.prompt import MODULE_LINE
from inference.text import words
from inference.values import Evidence

MAX_SENTENCES = 4
_CODE = re.compile(
    r"`[^`]+`|[\w.$-]*/[\w./$-]+|\b\w+(?:::\w+)+|\b\w+(?:\.\w+)+(?::\d+)?|\b\w*_\w+\b|\b[a-z]+[A-Z]\w*|\b[A-Z][a-z0-9]+[A-Z]\w*"
)
_COMMIT = re.compile(r"\b[0-9a-f]{7,40}\b")
_NUMBER = re.compile(r"\bline (\d+)|:(\d+)\b")
_QUOTED = re.compile(r'"([^"]{1,200})"|“([^”]{1,200})”')


def template_reasoning(requirement: str, module: str, evidence: Sequence[Evidence], *, variant: int = 0) -> str:
    """
    Write the evidence down as two to four sentences, without a language model.

    Training writes its chain-of-thought answers with it, choosing *variant* (0 to 2) by row, so that the model
    learns to speak of evidence and not one fixed form.
    """
    symbols = [item for item in evidence if item.kind == "symbol"]
    past = [item for item in evidence if item.kind == "past"]
    relations = [item for item in evidence if item.kind == "relation"]
    sentences = []
    if symbols:
        first = symbols[0]
        met = _met_words(first)
        sentences.append(
            (
                f"{met} points to {first.name} in {first.file}.",
                f"The {first.text.split(' ', 1)[0]} {first.name} in {first.file} meets {met}.",
                f"In {first.file}, {first.name} is about {met}.",
            )[variant % 3]
        )
        if len(symbols) > 1:
            sentences.append(f"{symbols[1].name} in {symbols[1].file} is close to it.")
    if past:
        quoted = past[0].text[past[0].text.find('"') :]
        where = f"Commit {past[0].commit[:10]}" if past[0].commit else "A confirmed answer"
        sentences.append(f"{where} was alike, {quoted}, and led to {module}.")
    if relations:
        sentences.append(f"{relations[0].text}.")
    if not sentences:
        sentences.append(f"No single definition of {module} stands out; the wording as a whole is nearest to it.")
    sentences.append(f"So it belongs in {module}." if variant % 2 == 0 else f"That is {module}.")
    return " ".join(sentence[0].upper() + sentence[1:] if sentence[0] == '"' else sentence for sentence in sentences)


def _met_words(item: Evidence) -> str:
    return item.text.rsplit(" meets ", 1)[-1]


class Verifier:
    """
    Checks sentences against one catalog.

    Args:
        catalog: Whose modules, files and symbols may be named.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._modules = frozenset(catalog.module_ids)
        self._lines: dict[str, frozenset[int]] = {}
        self._homes: dict[str, set[str]] = {}
        self._names: set[str] = set(self._modules)
        for card in catalog.modules:
            self._names.update((card.path, card.title))
        for file in catalog.files:
            self._names.update((file.path, file.path.rsplit("/", 1)[-1]))
            self._lines[file.path] = frozenset(symbol.line for symbol in file.symbols)
            for symbol in file.symbols:
                for name in (symbol.name, symbol.qualified):
                    self._names.add(name)
                    self._homes.setdefault(name, set()).add(file.path)

    def keep_true(self, text: str, *, requirement: str, module: str, evidence: Sequence[Evidence]) -> tuple[str, ...]:
        """
        Return the sentences of *text* in which everything checkable holds, in order, without repeats.

        A sentence is dropped when it names code, a path, a line, a commit or a quotation that is neither in the
        catalog nor in the requirement or evidence; when it puts a symbol into a file that does not define it; when it
        names another module than the evidence does; or when it names nothing at all. Nothing is left of a text in
        which no kept sentence names a piece of evidence.
        """
        body = text.split(f"\n{MODULE_LINE}")[0]
        told = " ".join([requirement, *(item.text for item in evidence)])
        relations = [item.text for item in evidence if item.kind == "relation"]
        quotable = " ".join([requirement, *(item.text for item in evidence if item.kind == "past")])
        allowed = {module, *(item.name for item in evidence), *(item.file for item in evidence if item.file)}
        kept: list[str] = []
        for sentence in split_sentences(body):
            if "import" in sentence and not any(relation in sentence for relation in relations):
                continue  # an edge of the graph is told as the graph has it, or not at all
            if sentence not in kept and self._holds(sentence, told=told, quotable=quotable, allowed=allowed):
                kept.append(sentence)
        if not any(_names_evidence(sentence, evidence) for sentence in kept[:MAX_SENTENCES]):
            return ()  # true, perhaps, but it gives no reason
        return tuple(kept[:MAX_SENTENCES])

    def _holds(self, sentence: str, *, told: str, quotable: str, allowed: set[str]) -> bool:
        unquoted = _QUOTED.sub(" ", sentence)
        quotations = [left or right for left, right in _QUOTED.findall(sentence)]
        if any(_plain(quotation) not in _plain(quotable) for quotation in quotations):
            return False
        if any(commit not in told for commit in _COMMIT.findall(unquoted)):
            return False
        mentioned = {
            name.strip("`.,;()").split(":")[0] if "::" not in name else name for name in _CODE.findall(unquoted)
        }
        mentioned |= {word for word in re.findall(r"[\w/.-]+", unquoted) if word.strip(".") in self._modules & allowed}
        mentioned = {name.strip(".") for name in mentioned if name.strip(".")}
        if any(name not in self._names and name not in allowed and name not in told for name in mentioned):
            return False
        if any(name in self._modules and name not in allowed for name in mentioned):
            return False
        files = [name for name in mentioned if name in self._lines]
        symbols = [
            word for word in re.findall(r"[\w.$]+", unquoted) if word.strip(".") in allowed and word in self._homes
        ]
        if files and any(not self._homes[symbol] & set(files) for symbol in symbols):
            return False
        if not self._lines_hold(unquoted, files):
            return False
        return bool(mentioned or symbols or quotations)

    def _lines_hold(self, sentence: str, files: Sequence[str]) -> bool:
        numbers = [int(left or right) for left, right in _NUMBER.findall(sentence)]
        return all(any(number in self._lines[file] for file in files) for number in numbers)


def _names_evidence(sentence: str, evidence: Sequence[Evidence]) -> bool:
    """
    Whether a sentence names a definition with its file, or a commit, that the evidence holds.
    """
    unquoted = _QUOTED.sub(" ", sentence)
    named = set(re.findall(r"[\w./$-]*[\w$]", unquoted))
    symbols = [item for item in evidence if item.kind == "symbol"]
    return any(item.name in named and item.file in named for item in symbols) or any(
        item.commit[:10] in named for item in evidence if item.commit
    )


def split_sentences(text: str) -> list[str]:
    """
    Split at full stops that end a sentence, not at those inside paths and names.

    >>> split_sentences("See a/b.py for it. Foo.bar helps! Yes")
    ['See a/b.py for it.', 'Foo.bar helps!', 'Yes']
    """
    return [part.strip() for part in re.split(r"(?<=[.!?。！？])\s+|\n+|(?<=[。！？])", text) if part.strip()]


def _plain(text: str) -> str:
    return " ".join(words(text))
