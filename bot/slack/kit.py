"""
Pieces of Block Kit. Everything that strangers wrote goes into rich or plain text, where Slack reads no markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bot.slack.text import fit, length, one_line, without_invisible

Block = dict[str, Any]
Element = dict[str, Any]


def section(text: str, *, block_id: str | None = None) -> Block:
    """
    A paragraph in our own words; what comes from elsewhere must be escaped in it.
    """
    block: Block = {"type": "section", "text": mrkdwn(text)}
    return {**block, "block_id": block_id} if block_id else block


def context(text: str) -> Block:
    """
    A small grey line in our own words.
    """
    return {"type": "context", "elements": [mrkdwn(text)]}


def mrkdwn(text: str) -> Element:
    """
    Marked-up text. `verbatim`: else Slack looks for addresses, #channels and @names in plain words, too.
    """
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str, limit: int) -> Element:
    """
    Plain text of at most *limit* characters; never empty, which Slack refuses.
    """
    return {"type": "plain_text", "text": fit(one_line(text), limit, prepare=_as_it_is) or "–", "emoji": False}


def rich(*sections: Sequence[Element]) -> Block:
    """
    A block of rich text; empty sections are left out.
    """
    kept = [{"type": "rich_text_section", "elements": list(elements)} for elements in sections if elements]
    return {"type": "rich_text", "elements": kept}


def quoted(text: str, limit: int) -> Block:
    """
    Somebody's words, set off as a quotation.
    """
    return {"type": "rich_text", "elements": [{"type": "rich_text_quote", "elements": [words(text, limit)]}]}


def words(text: str, limit: int, *, bold: bool = False, code: bool = False) -> Element:
    """
    *text* as it is, cut to *limit*; line ends stay.
    """
    kept = fit(without_invisible(text), limit, prepare=_as_it_is)
    return _styled({"type": "text", "text": kept or " "}, bold=bold, code=code)


def name(text: str, limit: int, *, link: str = "", bold: bool = False) -> Element:
    """
    A name out of the code on one line, in code letters; a link when there is an address.
    """
    label = fit(one_line(text), limit, prepare=_as_it_is) or " "
    element = {"type": "link", "url": link, "text": label} if link else {"type": "text", "text": label}
    return _styled(element, bold=bold, code=True)


def is_person(user_id: str) -> bool:
    """
    Whether this can be the id of a person in Slack.

    >>> is_person("U0ANA"), is_person("uwe"), is_person("U1|<!here>"), is_person("C0ROADS")
    (True, False, False, False)
    """
    return user_id.isascii() and user_id.isalnum() and user_id.isupper() and user_id.startswith(("U", "W"))


def person(user_id: str) -> Element:
    """
    A person of the workspace, who is notified.
    """
    return {"type": "user", "user_id": user_id}


def prose(text: str, limit: int) -> list[Element]:
    """
    Sentences of the model: literal, with names between backticks in code letters.

    >>> [part["text"] for part in prose("See `add_vat` <!here>.", 100)]
    ['See ', 'add_vat', ' <!here>.']
    """
    kept = fit(without_invisible(text).strip(), limit, prepare=_as_it_is)
    parts = kept.split("`")
    if len(parts) % 2 == 0:  # a backtick without its partner is one of the text
        parts[-2:] = ["`".join(parts[-2:])]
    return [
        _styled({"type": "text", "text": part}, bold=False, code=at % 2 == 1) for at, part in enumerate(parts) if part
    ]


def joined(elements: Iterable[Element], separator: str = " · ") -> list[Element]:
    """
    Elements with *separator* between them.
    """
    found: list[Element] = []
    for element in elements:
        found += [{"type": "text", "text": separator}, element] if found else [element]
    return found


def weight(value: Any) -> int:
    """
    What *value* counts of the characters that Slack allows a message: its texts and its addresses.

    >>> weight([section("see this"), rich([name("tax.py", 10, link="https://code.example/tax.py")])])
    41
    """
    if isinstance(value, dict):
        own = sum(length(part) for key, part in value.items() if key in ("text", "url") and isinstance(part, str))
        return own + sum(weight(part) for part in value.values())
    return sum(weight(part) for part in value) if isinstance(value, (list, tuple)) else 0


def button(text: str, action: str, value: str, *, primary: bool = False, label: str = "") -> Element:
    """
    A button. Its value is an opaque id: rights are checked when it is clicked.
    """
    made: Element = {"type": "button", "text": plain(text, 75), "action_id": action, "value": value}
    if primary:
        made["style"] = "primary"
    if label:
        made["accessibility_label"] = label[:75]
    return made


def modal(title: str, blocks: Sequence[Block], *, close: str, submit: str = "", **more: Any) -> dict[str, Any]:
    """
    A modal view of at most 100 blocks.
    """
    view: dict[str, Any] = {
        "type": "modal",
        "title": plain(title, 24),
        "close": plain(close, 24),
        "blocks": list(blocks)[:100],
        **more,
    }
    return view | ({"submit": plain(submit, 24)} if submit else {})


def _styled(element: Element, *, bold: bool, code: bool) -> Element:
    style = {name: True for name, wanted in (("bold", bold), ("code", code)) if wanted}
    return {**element, "style": style} if style else element


def _as_it_is(text: str) -> str:
    return text
