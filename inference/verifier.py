"""
Checks what a language model says against one catalog: what cannot be verified is not shown.

A generated sentence may name only what the evidence names. Code, paths, lines, commits and relations are looked up.
Every other word must be one of a few hundred plain ones or come from the requirement or the evidence, and stand where
no name is expected ("the router class" names one): a small model invents names that look like any other word.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from graph.values import Catalog
from inference.prompt import MODULE_LINE
from inference.text import stem
from inference.values import Evidence

MAX_SENTENCES = 4
LEAST_QUOTED = 3
_QUOTED = re.compile(r'"([^"]{1,200})"|“([^”]{1,200})”|`([^`]{1,200})`')
_TOKEN = re.compile(r"[^\s,;()\[\]{}<>\"“”'’`|]+")
_PLAIN = re.compile(r"[a-z]+(?:-[a-z]+)*")
_LINE = re.compile(r"\bline (\d+)|:(\d+)\b")
_TIMES = re.compile(r"\((?:once|\d+ times)\)")
_TO_IT = re.compile(r"\b(?:close|near|similar) to it\b")
_RELATION = re.compile(
    r"\b(import|call|inherit|extend|depend|deriv|subclass|overrid|invok|wrap)\w*|\buses\b|\bused by\b"
)


def _set_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KINDS = _set_of(
    """
    function method class struct interface enum module file folder package variable constant commit symbol definition
    field type trait macro component service library namespace property attribute script directory
    """
)
_AROUND_KINDS = _set_of(
    """
    a an and another any as at be belongs both by close defines each first for from has have here how in is it its main
    meets most named near nearest next no not of on one only or other public same second so some such that the their
    then there these this those to two was were what where which whole with whose does do
    """
)
_PLAIN_WORDS = (
    _KINDS
    | _AROUND_KINDS
    | _set_of(
        """
        about above again all alike almost also answer answers are asked asks because been before behind below best
        better but can case change changed changes code combined concerns confirmed could deals defined describes
        details directly done either even exactly expected fits follows found given gives goes handled handles happens
        highest however if into itself just kind language last later least led left less like likely line made makes
        matched matches matter means mentioned mentions might more much must name names needed needs never nothing now
        often older once out over own part past place placed point points probably question quite rather reason
        requirement requirements right said says seems should shows similar since speaks still strong strongest such
        suggests talks tells than therefore they thing things though thus together too touched toward towards under
        until up very via way well went when whether while why will within without word wording words work works would
        """
    )
)


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
        for file in catalog.files:
            self._lines[file.path] = frozenset(symbol.line for symbol in file.symbols)
            for symbol in file.symbols:
                for name in (symbol.name, symbol.qualified):
                    self._homes.setdefault(name, set()).add(file.path)

    def keep_true(self, text: str, *, requirement: str, module: str, evidence: Sequence[Evidence]) -> tuple[str, ...]:
        """
        Return the sentences of *text* in which everything checkable holds, in order, without repeats.

        A sentence is dropped when it names code, a path, a line, a commit or a module that the evidence does not name;
        when it quotes what the requirement, or the definition or commit it names, does not say; when it puts a symbol
        into a file that does not define it; when it tells a relation otherwise than the graph has it, or names a
        neighbour apart from it; when it says "close to it" of what was named already, or before anything was; when it
        was cut off; or when it names nothing at all. Nothing is left of a text in which no kept sentence names a piece
        of evidence.
        """
        told = _Told(requirement, module, evidence, self._modules)
        kept: list[str] = []
        for sentence in split_sentences(text.split(f"\n{MODULE_LINE}")[0]):
            if sentence not in kept and self._holds(sentence, told) and told.follows(sentence, kept):
                kept.append(sentence)
        kept = kept[:MAX_SENTENCES]
        if not any(_names_evidence(sentence, evidence) for sentence in kept):
            return ()  # true, perhaps, but it gives no reason
        return tuple(kept)

    def _holds(self, sentence: str, told: _Told) -> bool:
        if not re.search(r"[.!?。！？]$", sentence):
            return False
        quoted = _QUOTED.findall(sentence)
        quotations = [plain or curly or code for plain, curly, code in quoted if code not in told.names]
        unquoted = _QUOTED.sub(" ", sentence)
        related = any(relation in sentence for relation in told.relations)
        if not related and (_RELATION.search(unquoted) or _TIMES.search(unquoted)):
            return False
        tokens = [token for token in (raw.strip(".,:!?…") for raw in _TOKEN.findall(unquoted)) if token]
        if not all(told.allows(token, tokens, i) for i, token in enumerate(tokens)):
            return False
        spoken = {_bare(token) for token in tokens}
        if not related and spoken & told.neighbours:
            return False  # "That is" another module than the one that was put first
        if not all(told.may_quote(quotation, spoken) for quotation in quotations):
            return False
        files = spoken & self._lines.keys()
        symbols = [name for name in spoken & told.names if name in self._homes]
        if files and any(not self._homes[symbol] & files for symbol in symbols):
            return False
        numbers = [int(left or right) for left, right in _LINE.findall(unquoted)]
        if any(not any(number in self._lines[file] for file in files) for number in numbers):
            return False
        return bool(quoted or spoken & told.names)


class _Told:
    """
    What one answer may speak of.
    """

    def __init__(self, requirement: str, module: str, evidence: Sequence[Evidence], modules: frozenset[str]) -> None:
        self.names = {module} | {item.name for item in evidence if item.name}
        self.names |= {item.file for item in evidence if item.file}
        self._symbols = {item.name for item in evidence if item.kind == "symbol"}
        self.relations = [item.text for item in evidence if item.kind == "relation"]
        self.neighbours = {item.name for item in evidence if item.kind == "relation" and item.name} - {module}
        self._commits = [item.commit for item in evidence if item.commit]
        self._modules = modules
        said = [(item, [_plain(text) for text in _said_by(item)]) for item in evidence if item.kind != "relation"]
        self._said = [(item.commit or item.name, texts) for item, texts in said]
        past = [text for item, texts in said if item.kind == "past" for text in texts]
        self._quotable = [_plain(requirement), *past]
        spoken = [requirement, *(item.text for item in evidence)]
        self._stems = {stem(word) for text in spoken for word in re.findall(r"[a-z]+", text.lower())}
        self._numbers = {number for text in spoken for number in re.findall(r"\d+", text)}

    def may_quote(self, quotation: str, spoken: Collection[str]) -> bool:
        """
        Whether a sentence that names *spoken* may quote this: of a definition the words it meets, of a commit what it
        says, and without either what the requirement or a past one says. A word or two are no quotation of a commit
        that says more.
        """
        named = [(name, texts) for name, texts in self._said if any(_same_name(name, word) for word in spoken)]
        said = _plain(quotation)
        of_commits = {text for name, texts in named if name in self._commits for text in texts}
        if of_commits and len(said.split()) < LEAST_QUOTED and said not in of_commits:
            return False
        sources = [text for _, texts in named for text in texts] if named else self._quotable
        return any(f" {said} " in f" {text} " for text in sources)

    def follows(self, sentence: str, before: Sequence[str]) -> bool:
        """
        Whether "it" is said of something: "Tax in tax.py is close to it" begins with a definition's name and needs
        another one that was named *before*.
        """
        if not _TO_IT.search(sentence):
            return True
        named, earlier = (_tokens_of(text) & self._symbols for text in (sentence, " ".join(before)))
        return sentence.split()[0] in named and bool(earlier) and named.isdisjoint(earlier)

    def allows(self, token: str, tokens: Sequence[str], at: int) -> bool:
        """
        Whether one word may stand where it stands.
        """
        bare = _bare(token)
        if bare in self.names or any(len(bare) >= 7 and commit.startswith(bare) for commit in self._commits):
            return True
        if bare in self._modules:
            return False  # another module than the evidence speaks of
        if bare.isdigit():
            return bare in self._numbers or (at > 0 and tokens[at - 1] == "line")
        word = token.lower() if at == 0 else token
        if not _PLAIN.fullmatch(word):
            return False  # it looks like code, a path, a number or a name, and no evidence names it
        before, after = tokens[at - 1] if at else "", tokens[at + 1] if at + 1 < len(tokens) else ""
        if before.lower() in _KINDS or after.lower() in _KINDS:
            return word in _AROUND_KINDS or word in _KINDS
        within = after == "in" and at + 2 < len(tokens) and _bare(tokens[at + 2]) in self.names
        return word in _PLAIN_WORDS or (stem(word) in self._stems and not within)


def _bare(token: str) -> str:
    """
    A name without the line behind it: "a/b.py:12" is the file a/b.py.
    """
    return re.sub(r":\d+$", "", token)


def _said_by(item: Evidence) -> list[str]:
    """
    What stands in quotation marks: the words a definition meets, or the one line of a past requirement.
    """
    if item.kind == "symbol":
        return ["".join(found) for found in _QUOTED.findall(item.text)]
    return re.findall(r'"(.*)"', item.text)  # from the first mark to the last one: a commit's line may have its own


def _same_name(name: str, word: str) -> bool:
    """
    Whether a word is a name of the evidence, or the beginning of a commit's id.

    >>> _same_name("aef6de8a2f", "aef6de8"), _same_name("Cart.add", "Cart")
    (True, False)
    """
    return bool(name) and (
        name == word or (re.fullmatch(r"[0-9a-f]{7,40}", word) is not None and name.startswith(word))
    )


def _names_evidence(sentence: str, evidence: Sequence[Evidence]) -> bool:
    """
    Whether a sentence names a definition with its file, or a commit, that the evidence holds.
    """
    named = _tokens_of(sentence)
    symbols = [item for item in evidence if item.kind == "symbol"]
    return any(item.name in named and item.file in named for item in symbols) or any(
        item.commit[:10] in named for item in evidence if item.commit
    )


def _tokens_of(text: str) -> set[str]:
    """
    The names and words of *text*, what stands in quotation marks apart.
    """
    return {_bare(token.strip(".,:!?")) for token in _TOKEN.findall(_QUOTED.sub(" ", text))}


def split_sentences(text: str) -> list[str]:
    """
    Split at full stops that end a sentence, not at those inside paths and names.

    >>> split_sentences("See a/b.py for it. Foo.bar helps! Yes")
    ['See a/b.py for it.', 'Foo.bar helps!', 'Yes']
    """
    return [part.strip() for part in re.split(r"(?<=[.!?。！？])\s+|\n+|(?<=[。！？])", text) if part.strip()]


def _plain(text: str) -> str:
    """
    Words and numbers as they follow each other, so that a quotation leaves nothing out.

    >>> _plain('Filters (CVE-2026-39317) in "a_b"'), _plain("修复 bug")
    ('filters cve 2026 39317 in a_b', '修 复 bug')
    """
    return " ".join(re.findall(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+", text.lower()))
