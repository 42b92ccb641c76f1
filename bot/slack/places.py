"""
Places in the code as a reader wants them: a file by its name, as a link to the line at the indexed commit.

Paths of real repositories are long; three of them bury an answer. Where there is a link the short name is
enough, because the link holds the rest. Without a code host a path is all that a reader has, and stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bot.slack.kit import Element, name, prose
from bot.slack.text import one_line

_LONGEST_PATH = 300


@dataclass(frozen=True, slots=True)
class Places:
    """
    What in a text may become a link; nothing else does.

    Args:
        files: Paths of files.
        folders: Paths of folders: what reads like a file within one of them is meant, too.
        link_to: The address of a file and a line; empty when there is none.
    """

    files: tuple[str, ...]
    folders: tuple[str, ...]
    link_to: Callable[[str, int | None], str]


class LinkBudget:
    """
    How much of a message may be addresses, which count for Slack as text does; one that does not fit is left out.
    """

    def __init__(self, limit: int, *, within: LinkBudget | None = None) -> None:
        self._left = limit
        self._within = within

    def take(self, link: str) -> str:
        """
        *link* if it fits, else nothing.
        """
        if not link or len(link) > self._left or (self._within is not None and not self._within.take(link)):
            return ""
        self._left -= len(link)
        return link

    def part(self, limit: int) -> LinkBudget:
        """
        What one block of the message may take of it.
        """
        return LinkBudget(limit, within=self)


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """
    The shortest end of each path that tells it from the others.

    >>> list(short_names(["core/src/Toll.java", "core/src/ev/Road.java", "web/src/ev/Road.java"]).values())
    ['Toll.java', 'core/…/Road.java', 'web/…/Road.java']
    """
    known = dict.fromkeys(paths)
    ends = {path: path.rstrip("/").rpartition("/")[2] or path for path in known}
    found = {}
    for path, end in ends.items():
        twins = [other for other, ending in ends.items() if ending == end and other != path]
        found[path] = _told_apart(path, end, twins) if twins else end
    return found


def _told_apart(path: str, end: str, twins: list[str]) -> str:
    """With the nearest folder that none of *twins* has at that distance from the end."""
    folders = path.split("/")[-2::-1]
    others = [twin.split("/")[-2::-1] for twin in twins]
    for distance, folder in enumerate(folders):
        if all(other[distance : distance + 1] != [folder] for other in others):
            return f"{folder}/{end}" if distance == 0 else f"{folder}/…/{end}"
    return path


def with_places(text: str, limit: int, *, places: Places, links: LinkBudget) -> list[Element]:
    """
    Sentences of the model or about evidence, in which every file of *places* is a short link.
    """
    pattern = _pattern(places)
    names = short_names(places.files)
    elements: list[Element] = []
    for element in prose(text, limit):
        elements += _linked(element, pattern, names, places.link_to, links) if pattern else [element]
    return elements


def _pattern(places: Places) -> re.Pattern[str] | None:
    files = sorted({path for path in places.files if path and len(path) <= _LONGEST_PATH}, key=len, reverse=True)
    folders = sorted({path for path in places.folders if path and len(path) <= _LONGEST_PATH}, key=len, reverse=True)
    known = [re.escape(path) for path in files]
    known += [rf"{re.escape(path)}(?:/[\w-]+(?:\.[\w-]+)*)*/[\w-]+(?:\.[\w-]+)+" for path in folders]
    if not known:
        return None
    # A path may stand at the end of a sentence, but not within a longer one.
    return re.compile(rf"(?<![\w/.-])({'|'.join(known)})(?::(\d{{1,7}}))?(?![\w/-]|\.\w)")


def _linked(
    element: Element,
    pattern: re.Pattern[str],
    names: Mapping[str, str],
    link_to: Callable[[str, int | None], str],
    links: LinkBudget,
) -> list[Element]:
    text, at, found = element["text"], 0, []
    for place in pattern.finditer(text):
        path, line = place[1], int(place[2]) if place[2] else None
        link = links.take(link_to(path, line))
        if not link:
            continue
        if place.start() > at:
            found.append({**element, "text": text[at : place.start()]})
        label = names.get(path, path.rpartition("/")[2]) + (f":{line}" if line else "")
        found.append(name(one_line(label), _LONGEST_PATH, link=link))
        at = place.end()
    if at < len(text):
        found.append({**element, "text": text[at:]})
    return found
