"""
Hundreds of answers, and a checker of its own that looks for invented names in them.

    python -m tests.bench.bench_reasoning RELEASE GIT_DIR QUESTIONS.jsonl [RELEASE GIT_DIR QUESTIONS.jsonl …] --most 160

The checker shares no code with `inference.verifier`: it reads the repository with git. A path must be a file of the
commit, a symbol must stand on the line that is named, a commit must exist and say what is quoted of it, an import must
be in the catalog, and every other word of an answer must be one of the templates' or occur in the question, in a cited
commit's message or somewhere in the code.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inference.ranker import Ranker
from inference.values import Reasoning

COMMON = frozenset(
    """
    a about alike also and answer are as at be because belongs by close commit confirmed definition does for from has
    here imported imports in is it its led like likeliest line meets nearest no of one or place points single so stands
    that the there this times to was where which whole with wording out module function class method would should
    """.split()  # noqa: SIM905
)


@dataclass
class GitChecker:
    """
    What a commit of a repository holds, read with git alone.
    """

    git_dir: Path
    commit: str
    modules: dict[str, dict[str, object]]
    files: frozenset[str] = field(init=False)
    vocabulary: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.files = frozenset(self._git("ls-tree", "-r", "-z", "--name-only", self.commit).split("\0")) - {""}
        words = self._git("grep", "-hoIE", "[A-Za-z_$][A-Za-z0-9_$]+", self.commit)
        self.vocabulary = frozenset(words.split("\n"))
        self.lower = frozenset(word.lower() for word in self.vocabulary) | {
            part.lower() for word in self.vocabulary for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", word)
        }
        self._lines: dict[str, list[str]] = {}

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(self.git_dir), *arguments], capture_output=True, check=False)
        return done.stdout.decode("utf-8", "replace")

    def message(self, commit: str) -> str:
        return self._git("log", "-1", "--format=%B", commit)

    def line(self, path: str, number: int) -> str:
        if path not in self._lines:
            self._lines[path] = self._git("show", f"{self.commit}:{path}").split("\n")
        lines = self._lines[path]
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def defines(self, path: str, number: int, name: str) -> bool:
        """
        Whether a name stands on a line, or on the first one below its annotations and decorators.
        """
        while self.line(path, number).lstrip().startswith("@") and name not in self.line(path, number):
            number += 1
        return name in self.line(path, number)

    def complaints(self, question: str, reasoning: Reasoning) -> list[str]:
        """
        Everything in an answer that is not there.
        """
        found = []
        messages = [question]
        for item in reasoning.evidence:
            if item.kind == "symbol":
                name = re.split(r"\.|::|#", item.name)[-1]
                if item.file not in self.files or not self.defines(item.file, item.line or 0, name):
                    found.append(f"symbol {item.name} is not at {item.file}:{item.line}")
            elif item.kind == "past" and item.commit:
                message = self.message(item.commit)
                messages.append(message)
                quoted = item.text.split('"', 1)[1].rsplit('"', 1)[0]
                if _squeezed(quoted) not in _squeezed(message):
                    found.append(f"commit {item.commit[:10]} does not say {quoted!r}")
            elif item.kind == "relation":
                module = self.modules.get(item.module, {})
                way = "imported_by" if " is imported by " in item.text or "被引用于" in item.text else "imports"
                edges = [list(edge) for edge in module.get(way, ())]  # type: ignore[attr-defined]
                times = re.findall(r"\((?:(\d+) times|once)\)|（(\d+) 次）", item.text)
                if not any([item.name, int(english or chinese or 1)] in edges for english, chinese in times):
                    found.append(f"no such relation: {item.text}")
        return found + self._in_text(reasoning.text, messages)

    def _in_text(self, text: str, messages: Sequence[str]) -> list[str]:
        found = []
        for quoted in re.findall(r'"([^"]*)"', text):
            if not any(_squeezed(quoted) in _squeezed(message) for message in messages):
                found.append(f"nobody said {quoted!r}")
        said = {word.lower() for message in messages for word in re.findall(r"\w+", message)}
        for token in re.findall(r"[A-Za-z0-9_$][\w$./:#-]*", re.sub(r'"[^"]*"', " ", text), re.ASCII):
            if not self._exists(token.rstrip(".:"), said):
                found.append(f"{token!r} is not there")
        return found

    def _exists(self, token: str, said: set[str]) -> bool:
        path, _, line = token.partition(":")
        if path in self.files:
            return not line or line.isdigit()
        if token in self.modules or token.lower() in COMMON:
            return True
        if re.fullmatch(r"[0-9a-f]{7,40}", token) and any(c.isdigit() for c in token):
            return bool(self._git("rev-parse", "--verify", "--quiet", f"{token}^{{commit}}").strip())
        if token.isdigit():
            return token in said or True  # counts of relations; the relation itself was looked up
        if "/" in token:
            return False
        parts = [part for part in re.split(r"[.:#-]+", token) if part]
        code = re.search(r"[A-Z_$.:#0-9]", token[1:]) is not None
        known = self.vocabulary if code else self.lower
        return all((part if code else part.lower()) in known or part.lower() in said for part in parts)


def _squeezed(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().lower()


def read_questions(path: Path) -> list[str]:
    """
    Read the texts of a JSONL file, gzipped or not.
    """
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    return [json.loads(line)["text"] for line in text.splitlines() if line.strip()]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("triples", nargs="+", help="release folder, git directory, questions; as often as wanted")
    parser.add_argument("--most", type=int, default=160, help="questions a release")
    parser.add_argument("--chinese", type=int, default=20, help="so many of them are asked in Chinese words")
    parser.add_argument("--seconds", type=float, default=30.0, help="deadline of one generation")
    chosen = parser.parse_args(arguments)
    triples = [chosen.triples[i : i + 3] for i in range(0, len(chosen.triples), 3)]
    total: Counter[str] = Counter()
    for release, git_dir, questions in triples:
        ranker = Ranker.load(Path(release))
        raw = json.loads((Path(release) / "catalog.json").read_text(encoding="utf-8"))
        modules = {module["id"]: module for module in raw["modules"]}
        checker = GitChecker(Path(git_dir), ranker.catalog.commit, modules)
        for number, text in enumerate(read_questions(Path(questions))[: chosen.most]):
            asked = f"这个需求应该在哪里修改：{text}？请说明原因，谢谢" if number < chosen.chinese else text
            ranking = ranker.rank(asked)
            reasoning = ranker.explain(asked, ranking, seconds=chosen.seconds)
            complaints = [] if ranking.off_topic else checker.complaints(asked, reasoning)  # how to ask names nothing
            total["answers"] += 1
            total["generated" if reasoning.generated else "off topic" if ranking.off_topic else "template"] += 1
            total["invented"] += len(complaints)
            for complaint in complaints:
                print(f"{ranker.release}: {text[:60]!r}: {complaint}\n    {reasoning.text}")
            if number % 25 == 24:
                print(f"{ranker.release}: {dict(total)} so far", flush=True)
    print(f"{total['answers']} answers, {total['generated']} with generated sentences; invented: {total['invented']}")


if __name__ == "__main__":
    main()
