"""
Text on its way in from Slack and on its way out to it.

Slack marks up what people write (`<@U1>`, `<https://x|label>`, `&amp;`), and reads the
same marks in what we send. Both directions are handled here, so that no mark of a
stranger ever becomes live in a message of ours.
"""

import re
from collections.abc import Callable

LONGEST_REQUIREMENT = 4_000

# One token of Slack's markup: <@user>, <#channel|name>, <!command^…|fallback>, <address|label>.
_TOKEN = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")

# Control characters (PostgreSQL refuses NUL) and marks that turn the reading direction
# or hide inside a word: in a file name they make one text look like another.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)


def read_requirement(text: str) -> str:
    """
    What a person asked, as plain text for the ranker.

    Mentions of people, groups and channels go, and so do bare addresses: none of them
    names a module, and quoted back they would ping people. The label of a link stays,
    because Slack turns file names such as `routing.py` into links by itself. Entities are
    decoded once, `&amp;` last.

    Returns:
        At most `LONGEST_REQUIREMENT` characters; empty when nothing but marks was sent.

    >>> read_requirement("<@U07BOT> where is <http://costing.py|costing.py> &amp; <#C1|general> computed?")
    'where is costing.py & computed?'
    >>> read_requirement("<@U07BOT>")
    ''
    """
    plain = _TOKEN.sub(_label, text)
    plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    plain = without_invisible(plain)
    lines = (" ".join(line.split()) for line in plain.splitlines())
    return "\n".join(line for line in lines if line)[:LONGEST_REQUIREMENT].strip()


def _label(token: re.Match[str]) -> str:
    kind, target, label = token.groups()
    is_date = kind == "!" and target.startswith("date^")
    return f" {label} " if label and (kind == "" or is_date) else " "


def without_invisible(text: str) -> str:
    """
    *text* without control characters and marks that nobody sees; line ends and tabs stay.

    >>> without_invisible("invoice\\u202egpj.exe")
    'invoicegpj.exe'
    """
    return _INVISIBLE.sub("", text.replace("\r\n", "\n"))


def escape(text: str) -> str:
    """
    *text* for a `mrkdwn` object, with nothing in it that Slack would act upon.

    Every field is escaped by itself, never a finished message: that would break our own
    marks, and looking for broadcasts only would let `<https://evil|Nice label>` through.

    >>> escape("<!channel> a & b")
    '&lt;!channel&gt; a &amp; b'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fit(text: str, limit: int, *, prepare: Callable[[str], str] = escape, cut_mark: str = "…") -> str:
    """
    As much of *text* as fits, prepared character by character, so that no entity is cut in two.

    Slack's own counting is not documented for characters beyond the first 65,536; they
    count as two here, which is never too generous.

    >>> fit("a<b", 6)
    'a&lt;b'
    >>> fit("a<b and more", 8)
    'a&lt;b…'
    """
    prepared = prepare(text)
    if length(prepared) <= limit:
        return prepared
    left = limit - length(cut_mark)
    kept: list[str] = []
    for character in text:
        piece = prepare(character)
        left -= length(piece)
        if left < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + cut_mark


def length(text: str) -> int:
    """
    How long Slack may find *text*: in UTF-16 units.

    >>> length("né"), length("👀")
    (2, 2)
    """
    return len(text) + sum(character > "\uffff" for character in text)


def one_line(text: str) -> str:
    """
    *text* on one line, without invisible characters: for fields that stand in a row.

    >>> one_line("costing\\n\\n:tada: *sure*")
    'costing :tada: *sure*'
    """
    return " ".join(without_invisible(text).split())


def code(text: str, limit: int) -> str:
    """
    *text* as a code span of at most *limit* characters; nothing inside is formatting.

    >>> code("src/`a`<b>.py", 40)
    '`src/ˋaˋ&lt;b&gt;.py`'
    """
    inner = fit(one_line(text).replace("`", "ˋ"), limit - 2)
    return f"`{inner}`" if inner else ""
