"""
Numbers, times and prose as the pages show them: pure functions, most of them Jinja filters.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, tzinfo
from typing import Any

from markupsafe import Markup, escape

NOTHING = "–"
UNBREAKABLE = "\u00a0"  # a space at which lines do not break
_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C], "\ufffd")


def percent(share: float | None, digits: int = 0) -> str:
    """
    A share as a percentage, an en dash when there is none. The sign never wraps onto a line of its own.

    >>> percent(0.824), percent(None), percent(0.6366, 1)
    ('82\\xa0%', '–', '63.7\\xa0%')
    """
    return NOTHING if share is None else f"{share * 100:.{digits}f}{UNBREAKABLE}%"


def score(value: float | None) -> str:
    """
    A hit@k as the literature writes it.

    >>> score(0.636), score(1.0), score(None)
    ('.636', '1.000', '–')
    """
    if value is None:
        return NOTHING
    return f"{value:.3f}".removeprefix("0") if 0 <= value < 1 else f"{value:.3f}"


def duration(milliseconds: float | None) -> str:
    """
    A time span in the unit a person would use.

    >>> duration(840), duration(2340), duration(75_000), duration(5_400_000), duration(None)
    ('840 ms', '2.3 s', '1 min 15 s', '1 h 30 min', '–')
    """
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def ago(moment: datetime | None, now: datetime) -> str:
    """
    How long before *now* something happened, roughly.

    >>> from datetime import datetime, timedelta, timezone
    >>> now = datetime(2026, 11, 23, tzinfo=timezone.utc)
    >>> [ago(now - timedelta(minutes=m), now) for m in (0, 5, 150, 3000, 90000)]
    ['just now', '5 min ago', '2 h ago', '2 days ago', '2 months ago']
    """
    if moment is None:
        return NOTHING
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    days = minutes // (24 * 60)
    return f"{days} days ago" if days < 60 else f"{days // 30} months ago"


def stamp(moment: datetime | None, zone: tzinfo | None) -> str:
    """
    A moment on the clock of *zone* (this machine's when None), named, so that nobody has to guess.

    >>> from datetime import datetime, timezone
    >>> stamp(datetime(2026, 11, 23, 6, 9, tzinfo=timezone.utc), timezone.utc)
    '23 Nov 2026, 06:09 UTC'
    """
    if moment is None:
        return NOTHING
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M} {local.tzname() or ''}".rstrip()


def short(identifier: str | None, length: int = 10) -> str:
    """
    The beginning of a commit id or hash; names that are not hexadecimal stay whole.

    >>> short("9f3c2d41aa07b65e"), short("tree-9f3c2d41aa07b65e"), short("v2")
    ('9f3c2d41aa', 'tree-9f3c2d41aa', 'v2')
    """
    if not identifier:
        return NOTHING
    found = re.fullmatch(r"(tree-|sha256:)?([0-9a-f]+)", identifier)
    return f"{found[1] or ''}{found[2][:length]}" if found else identifier


def prose(text: str | None) -> Markup:
    """
    Text as paragraphs, with `code` between backticks; everything else of it is escaped.

    >>> prose("Edit `a<b`.\\n\\nThen <stop>.")
    Markup('<p>Edit <code>a&lt;b</code>.</p><p>Then &lt;stop&gt;.</p>')
    """
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text or "") if part.strip()]
    return Markup("").join(Markup("<p>{}</p>").format(_with_code(part)) for part in paragraphs)


def likely_range(up: int, votes: int) -> tuple[float, float] | None:
    """
    The range in which the true approval lies nineteen times out of twenty; None without votes.

    Few votes give a wide range: that is what keeps a lead from celebrating three thumbs.

    Source:
        E. B. Wilson, 1927: the score interval.

    >>> [round(end, 2) for end in likely_range(9, 10)]
    [0.6, 0.98]
    """
    if votes <= 0:
        return None
    z = 1.96
    share = up / votes
    middle = (share + z * z / (2 * votes)) / (1 + z * z / votes)
    half = z * math.sqrt(share * (1 - share) / votes + z * z / (4 * votes * votes)) / (1 + z * z / votes)
    return max(0.0, middle - half), min(1.0, middle + half)


def count(number: int, one: str, many: str | None = None) -> str:
    """
    A number with its noun.

    >>> count(1, "vote"), count(1204, "vote"), count(0, "query", "queries")
    ('1 vote', '1,204 votes', '0 queries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def took(start: datetime | None, end: datetime | None) -> str:
    """
    The time between two moments, an en dash when one is missing.
    """
    if start is None or end is None:
        return NOTHING
    return duration(max(timedelta(), end - start) / timedelta(milliseconds=1))


def harmless(value: object) -> object:
    """
    Text without the invisible signs that turn the direction of what follows: they can make a name look like
    another.

    >>> harmless("core.\\u202egnituor")
    'core.\ufffdgnituor'
    """
    return value.translate(_TURNING) if isinstance(value, str) else value


def fault(word: str) -> str:
    """
    What somebody found wrong with an answer.

    >>> fault("missing"), fault("new word")
    ('A module is missing.', 'new word')
    """
    return _FAULTS.get(word, word)


def source(word: str) -> str:
    """
    Where a question was asked, as a phrase.

    >>> source("slack"), source("cli")
    ('in Slack', 'on the command line')
    """
    return {"slack": "in Slack", "cli": "on the command line", "dashboard": "on the dashboard"}.get(word, word)


_FAULTS = {
    "other": "It belongs in another module.",
    "order": "The right module is named, but not first.",
    "missing": "A module is missing.",
    "reasoning": "The modules are right, the reasoning is not.",
    "stale": "The code has changed since.",
    "question": "This is not about code here.",
}


def filters() -> dict[str, Any]:
    """
    What the templates know by name.
    """
    return {
        "percent": percent,
        "score": score,
        "duration": duration,
        "short": short,
        "prose": prose,
        "count": count,
        "source": source,
        "fault": fault,
    }


def _with_code(text: str) -> Markup:
    pieces = re.split(r"`([^`\n]+)`", text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if place % 2 else escape(piece) for place, piece in enumerate(pieces)
    )
