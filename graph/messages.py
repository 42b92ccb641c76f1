"""
A commit message → the requirement it fulfils, in the words a person would have asked with.
"""

from __future__ import annotations

import re

LONGEST_REQUIREMENT = 600
FEWEST_WORDS = 4

_KINDS = (
    r"feat(?:ure)?|fix(?:up|es|ed)?|bug ?fix|hot ?fix|bug|chore|refactor(?:ing)?|perf|style|tests?|docs?|build|ci"
    r"|wip|enh(?:ancement)?|maint|mnt|cln|misc|minor|major|task|dev|release|deps|security|cleanup|improvement"
    r"|change|issue|nf|rf|bf"
)
# Tickets are in capitals, whatever else is not: "layer-2", "gcc-12" and "netty-4" are words.
_TICKET = r"(?:(?-i:[A-Z][A-Z0-9]+-\d+(?:-\d+)*)|(?:gh|issue|bug|pr|ticket)[ -]?#?\d+|#\d+)"
_CLOSES = r"(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?|refs?|see(?: also)?|addresses|(?:see |for )?issue|bug|gh)"
_MORE_TICKETS = r"(?:\s*(?:,|and|&)?\s*#\d+)*"
_PLACE = r"(?:in|on|of|for|when|if|with|by|at|where|during|after|before)\b"
"""Behind "Fix #12" it is what the verb stands for: "Fix in the header parser"."""
_NO_PLACE = rf"(?!{_PLACE})"


def _any_of(*patterns: str) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)


_PREFIX = _any_of(
    r"\[(?:skip ci|ci skip|no ci)\]",
    rf"\[(?:{_KINDS}|[\d.x]+|{_TICKET}|[A-Z]{{2,5}})\]",  # [ci] [3.11]
    rf"(?:{_KINDS})(?:\([^)]*\))?!?:(?=\s)",  # fix(tax):
    rf"(?:{_CLOSES}|re|part of)\s*:?\s*{_TICKET}{_MORE_TICKETS}(?!-?\d)(?:\s*(?:--?|:|,|\.|–|—)\s*|\s+{_NO_PLACE}|$)",
    rf"{_TICKET}(?:\s*(?:--?|:|–|—)\s*|\s+|$)",  # TAX-1:
    r":[a-z_]+:|[-–—:*]\s",  # :bug:
)
_PREFIXES = re.compile(rf"^(?:\s*(?:{_PREFIX})\s*)+", re.IGNORECASE)
_TICKETS_ANYWHERE = re.compile(
    _any_of(
        rf"\s*[(\[]\s*(?:(?:{_CLOSES}|pr|and|,|via)[\s:.-]*)*#\d+{_MORE_TICKETS}\s*[)\]]",
        rf"[,;.]?\s*\b{_CLOSES}[\s:-]*#\d+{_MORE_TICKETS}(?!\d|\s+{_PLACE})",
        r"(?-i:\s*\(?\b(?!(?:UTF|SHA|ISO|RFC|AES)-)[A-Z]{2,10}-\d{1,6}(?:-\d+)*\b\)?)",  # (CVE-2024-1); UTF-8 is a word
        r"(?<![\w&])#\d+\b",
    ),
    re.IGNORECASE,
)
_PART = re.compile(r"^[\w./-]+: ")
_LEFT_HANGING = re.compile(
    r"(?:[\s,;(]+(?:as per|see(?: also)?|described in|in|of|for|from|by|per|and|or|with|via|to|also))+[\s.,;:)]*$"
    r"|^\s*(?:and|as per|see(?: also)?)\b",
    re.IGNORECASE,
)
"""What a line ends or begins with when the number it spoke of was taken away."""
_TRAILER = re.compile(
    _any_of(
        r"(?:signed-off|co-authored|reviewed|acked|tested|reported|suggested|helped|approved|paired)-(?:by|with)\s*:",
        r"(?:change-id|cc|fix(?:es|ed)?|close[sd]?|resolve[sd]?|refs?|bug|issue|link|see also|reviewers"
        r"|subscribers)\s*:",
        r"(?:differential revision|test plan|git-svn-id|pr-url|reviewed-on|backport|part-of|change-type"
        r"|tags|x-\w+)\s*:",
        r"\(cherry picked from",
        r"git-svn-id",
        r"-{3,}$",
        r"#",
    ),
    re.IGNORECASE,
)
_MERGE = re.compile(
    r"merge (?:pull request|pr|branch|remote|tag|commit|changes)|merged? in |merged? \S+ into |merge:",
    re.IGNORECASE,
)
_NOT_ASKED = re.compile(
    _any_of(
        # taken back
        r"(?:this )?reverts?\b|back(?:ed)? out\b|undo\b|un-?revert|roll(?:ed)? ?back\b",
        # releases and versions
        r"(?:prepar\w+ (?:for )?|cut |tag |new )?(?:release|version)\b.{0,25}$|v?\d+(?:\.\d+)+\S*$",
        r"\[(?:maven-|gradle )?release|version bump|post-release|start(?:ing)? (?:next )?(?:dev|version)",
        r"(?:bump|update|upgrade|set|increase|incr?)\w* (?:the )?(?:(?:dev|snapshot|package|project|app) )?"
        r"version(?: number| string| for release)?(?=\s*(?:to\b|$|v?\d|\())",
        # dependencies
        r"(?:build\(deps|chore\(deps|deps:)|(?:bump|update|upgrade|pin)s? \S+(?: \S+)? from \S+ to \S+",
        r"(?:update|bump|upgrade)s? (?:all )?(?:dependenc|deps\b|submodule|lock ?file|requirements)",
        # papers
        r"(?:(?:update|updated|add|added|fix|edit) )?(?:the )?(?:change ?log|release notes|changes\.\w+"
        r"|readme|contributors|authors|news|copyright|licen[sc]e)\b",
        r"(?:docs?|ci|style|build|chore\(release\))(?:\([^)]*\))?!?: |\[(?:ci|docs?)\]",
        # form without content
        r"(?:fix(?:e[sd]|ing)? )?(?:a |some |minor |small |more |another )*"
        r"(?:typos?|spelling|whitespaces?|indentation|white space|formatting|code ?style"
        r"|lint(?:ing|er)?(?!:| (?:to|rules?|checks?)\b)"
        r"|pep ?-?8|flake8|checkstyle|black|isort|ruff|prettier|eslint|pylint|mypy)\b",
        r"(?:[\w-]+ ){0,3}?(?:remov|eras|strip|amend|delet|trim|more)\w* (?:\w+ ){0,2}white ?spaces?\b",
        r"(?:updat|creat|delet|add)\w* [\w/-]+\.[a-z]{1,5}$|fix\w* (?:\w+ )?(?:travis|ci|appveyor|codecov)\b",
        r"re-?format\w*\b|(?:apply|run) (?:the )?(?:black|prettier|ruff|isort|autopep8|pyupgrade"
        r"|code ?style|formatting|spotless|scalafmt|rustfmt|gofmt|ktlint)\b",
        r"(?:remove|clean ?up|organi[sz]e|sort|fix|optimi[sz]e)s? (?:unused |the )?imports?\b",
        # only about tests
        r"(?:fix\w*|add\w*|updat\w+|improv\w+|more|repair\w*|re-?enabl\w+|disabl\w+|ignor\w+) (?:\w+ ){0,2}"
        r"(?:unit ?)?tests?(?: cases?| fix\w*)?[.; ]{0,3}$|tests?(?: fix\w*)?\b[^:]{0,16}$",
        # on the way
        r"(?:fixup|squash|amend)! |wip\b|tmp\b|initial commit|first commit|import(?:ed)? from",
        r"updated? from (?:trunk|master|upstream)|sync(?:ed|ing)? with",
        r"merg(?:e|ed|es|ing)\b.{0,40}\b(?:branch|master|main|trunk|upstream|develop|conflicts?|pull|from|origin|remote)\b",
        # translations
        r"(?:update|fetch|new|compile|import)\w* (?:\w+ )?translations?\b|\[?i18n\]?\b|l10n\b"
        r"|translat\w+ updat",
    ),
    re.IGNORECASE,
)
_BOT = re.compile(
    r"\[bot\]|\b(?:dependabot|renovate|greenkeeper|pyup|snyk|weblate|transifex|crowdin|github-actions?|pre-commit-ci"
    r"|semantic-release|travis|jenkins|bors|mergify|imgbot|allcontributors|codecov|autofix-ci|lingohub)\b"
    r"|(?:^|[-_ ])bot\b",
    re.IGNORECASE,
)
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def is_bot(name: str, mail: str) -> bool:
    """
    Tell whether an author is a program.

    >>> is_bot("dependabot[bot]", "x@y"), is_bot("Robot Lover", "abbot@y")
    (True, False)
    """
    return _BOT.search(name) is not None or "[bot]" in mail or mail.startswith(("bot@", "noreply@weblate"))


def requirement_of(message: str) -> str | None:
    """
    Clean a commit message.

    Kinds (``fix:``), ticket numbers, links and trailers are taken off; a merge is told by the title in its
    body.

    Returns:
        The subject on the first line and, where there is one, the body flattened on the second; None for
        messages that ask for nothing: reverts, releases, version bumps, reformatting, or fewer than
        `FEWEST_WORDS` words.

    >>> requirement_of("fix(tax): Round VAT per line, not per cart (#12)\\n\\nSigned-off-by: A <a@b>")
    'Round VAT per line, not per cart'
    >>> requirement_of("Merge pull request #7 from x/y\\n\\nAllow carts without an owner")
    'Allow carts without an owner'
    >>> requirement_of("Bump lodash from 1.0 to 1.1") is None
    True
    """
    lines = [line.rstrip() for line in message.replace("\r\n", "\n").strip().split("\n")]
    if lines and _MERGE.match(lines[0]):
        lines = _after_merge(lines)
    if not lines or _asks_for_nothing(lines[0].strip()) or "This reverts commit" in message:
        return None
    subject = _clean_line(_PREFIXES.sub("", lines[0].strip()))
    if not subject or _asks_for_nothing(subject):
        return None
    body = _clean_body(subject, lines[1:])
    text = f"{subject}\n{body}" if body else subject
    if len(text) > LONGEST_REQUIREMENT:
        text = text[:LONGEST_REQUIREMENT].rsplit(" ", 1)[0]
    # A kind in front counts as a word: "Fix: round up again" is told in three more.
    kind = 1 if re.match(rf"\[?(?:{_KINDS})[:(!\]]", lines[0].strip(), re.IGNORECASE) else 0
    return text if _says_enough(text, FEWEST_WORDS - kind) else None


def _asks_for_nothing(subject: str) -> bool:
    """
    Whether a subject asks for nothing, by itself or behind the name of a part: ``printing: fix typo``.
    """
    return _NOT_ASKED.match(subject) is not None or _NOT_ASKED.match(_PART.sub("", subject)) is not None


def _clean_body(subject: str, lines: list[str]) -> str:
    """
    Flatten the body. A squashed branch lists its commits there: what says the subject again, says a line again, or asks
    for nothing ("Updated tests", "Fix lint") is left out.
    """
    kept: dict[str, str] = {}
    for line in lines:
        if _TRAILER.match(line.strip()):
            continue
        clean = _clean_line(line)
        if clean and not _NOT_ASKED.match(clean):
            kept.setdefault(clean.casefold().rstrip("."), clean)
    kept.pop(subject.casefold().rstrip("."), None)
    return " ".join(kept.values())


def _after_merge(lines: list[str]) -> list[str]:
    rest = [line for line in lines[1:] if line.strip() and not _TRAILER.match(line.strip())]
    return rest if rest and not rest[0].lstrip().startswith(("*", "#", "Conflicts")) else []


def _clean_line(line: str) -> str:
    whole = line
    line = re.sub(r"https?://\S+|\b[0-9a-f]{40}\b", " ", line)
    line = _TICKETS_ANYWHERE.sub(" ", line)
    if line != whole:
        line = _LEFT_HANGING.sub("", line)
    line = re.sub(r"^\s*[*-]\s+", "", line)
    line = re.sub(r"(?<!\S)(?:\(\s*\)|\[\s*\])", " ", line)
    return " ".join(line.split()).strip(" -:;,–—").removeprefix("**")


def _says_enough(text: str, fewest: int) -> bool:
    words = re.findall(r"[^\W\d_]{2,}", text)
    return len(words) >= fewest or len(_WIDE.findall(text)) >= 6
