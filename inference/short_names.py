"""
Short forms of the names in some evidence, for the language model: it copies `Tax.java` better, and in a fifth of the
time, than the whole path. What it writes gets the whole names back before anybody checks or reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from inference.values import Evidence

SHOWN_OF_COMMIT = 10
SHORT_COMMIT = 7
_QUOTED = re.compile(r'("[^"]*")')


def short_names(evidence: Sequence[Evidence]) -> dict[str, str]:
    """
    Give each file and commit of the evidence its short form: as much of a path's end as tells the files apart.

    >>> short_names([Evidence("symbol", "", "m", file=path) for path in ("a/b/x.py", "a/c/x.py", "a/y.py")])
    {'a/b/x.py': 'b/x.py', 'a/c/x.py': 'c/x.py', 'a/y.py': 'y.py'}
    """
    paths = list(dict.fromkeys(item.file for item in evidence if item.file))
    commits = dict.fromkeys(item.commit for item in evidence if item.commit)
    return {path: _shortest_end(path, paths) for path in paths} | {
        commit[:SHOWN_OF_COMMIT]: commit[:SHORT_COMMIT] for commit in commits
    }


def _shortest_end(path: str, paths: Sequence[str]) -> str:
    parts = path.split("/")
    others = [f"/{other}" for other in paths if other != path]
    for count in range(1, len(parts)):
        end = "/".join(parts[-count:])
        if not any(other.endswith(f"/{end}") for other in others):
            return end
    return path


def short_lines(evidence: Sequence[Evidence], names: Mapping[str, str]) -> tuple[str, ...]:
    """
    The evidence as the language model reads it: short names, no line numbers.
    """
    texts = (item.text.replace(f"{item.file}:{item.line}", item.file or "") for item in evidence)
    return tuple(shorten_names(text, names) for text in texts)


def shorten_names(text: str, names: Mapping[str, str]) -> str:
    """
    Put the short names into *text*, outside quotations.
    """
    return _replace(text, names)


def restore_names(text: str, names: Mapping[str, str]) -> str:
    """
    Put the whole names back into *text*, outside quotations; a whole name that stands there already stays.

    >>> restore_names('In x.py it says "x.py".', {"a/x.py": "x.py"})
    'In a/x.py it says "x.py".'
    """
    return _replace(text, {short: name for name, short in names.items()})


def _replace(text: str, names: Mapping[str, str]) -> str:
    if not any(name in text for name in names):
        return text
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    pattern = re.compile(rf"(?<![\w/.$-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w/$-])")
    parts = _QUOTED.split(text)
    return "".join(
        part if part.startswith('"') else pattern.sub(lambda found: names[found.group()], part) for part in parts
    )
