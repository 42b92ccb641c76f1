"""
Would Slack take these blocks? A check that knows nothing of how we draw them.

Slack's own models check many lengths; what they let through is checked here: unknown block
types and keys, empty texts, the number of blocks and the sum of all texts.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

MOST_BLOCKS = 50
MOST_BLOCKS_OF_A_VIEW = 100
LONGEST_MESSAGE = 13_000
LONGEST_TEXT = 3_000
LONGEST_OPTION_VALUE = 150
LONGEST_OPTION_TEXT = 75

RICH_ELEMENTS = {"text", "link", "user", "emoji", "usergroup", "channel", "broadcast", "date", "color"}
_RICH_KEYS = {"text": {"text"}, "link": {"url", "text"}, "user": {"user_id"}, "emoji": {"name"}}


def view_problems(view: dict[str, Any]) -> list[str]:
    """
    Everything Slack would refuse a modal for; empty when it would take it.
    """
    found = problems(view["blocks"], most=MOST_BLOCKS_OF_A_VIEW)
    try:
        lost = _keys(view) - _keys(View(**view).to_dict())
        found += [f"the view has no {key}" for key in sorted(lost) if not key.startswith("blocks")]
    except SlackObjectFormationError as error:
        found.append(f"view: {error}")
    for name in ("title", "submit", "close"):
        if len(view.get(name, {}).get("text", "")) > 24:
            found.append(f"{name} of {len(view[name]['text'])} characters")
    has_inputs = any(block["type"] == "input" for block in view["blocks"])
    if has_inputs and "submit" not in view:
        found.append("inputs without a submit button")
    return found


def problems(blocks: Sequence[dict[str, Any]], *, most: int = MOST_BLOCKS) -> list[str]:
    """
    Everything Slack would refuse *blocks* for; empty when it would take them.
    """
    found: list[str] = []
    if len(blocks) > most:
        found.append(f"{len(blocks)} blocks")
    if text_length(blocks) > LONGEST_MESSAGE:
        found.append(f"msg_blocks_too_long: {text_length(blocks)} characters")
    for block in blocks:
        found += _block_problems(block)
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(set(ids)) < len(ids):
        found.append("block ids repeat")
    return found


def text_length(blocks: Sequence[dict[str, Any]]) -> int:
    """
    The sum of all text in *blocks*, addresses included, in UTF-16 units.
    """
    texts = [text["text"] for text in text_objects(blocks)]
    for element in rich_elements(blocks):
        texts += [element.get("text", ""), element.get("url", "")]
    return sum(len(text.encode("utf-16-le")) // 2 for text in texts)


def rich_elements(value: Any) -> Iterator[dict[str, Any]]:
    """
    Every element of rich text anywhere in *value*: text, links, people, emoji.
    """
    if isinstance(value, dict):
        if value.get("type") in RICH_ELEMENTS and "elements" not in value:
            yield value
        else:
            for part in value.values():
                yield from rich_elements(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from rich_elements(part)


def text_objects(value: Any) -> Iterator[dict[str, Any]]:
    """
    Every `mrkdwn` and `plain_text` object anywhere in *value*.
    """
    if isinstance(value, dict):
        if value.get("type") in ("mrkdwn", "plain_text"):
            yield value
        else:
            for part in value.values():
                yield from text_objects(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from text_objects(part)


def _block_problems(block: dict[str, Any]) -> list[str]:
    parsed = Block.parse(dict(block))
    if parsed is None:
        return [f"unknown block type {block.get('type')}"]
    found = []
    try:
        lost = _keys(block) - _keys(parsed.to_dict())
        found += [f"{block['type']} has no {key}" for key in sorted(lost)]
    except SlackObjectFormationError as error:
        found.append(f"{block['type']}: {error}")
    for text in text_objects(block):
        if not text["text"].strip() or len(text["text"]) > LONGEST_TEXT:
            found.append(f"a text of {len(text['text'])} characters in {block['type']}")
    for option in _options(block):
        if len(option["value"]) > LONGEST_OPTION_VALUE:
            found.append(f"an option value of {len(option['value'])} characters")
        if len(option["text"]["text"]) > LONGEST_OPTION_TEXT:
            found.append(f"an option of {len(option['text']['text'])} characters")
    if block["type"] == "rich_text":
        found += _rich_problems(block)
    return found


def _options(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield from value.get("options", ())
        yield from (value[name] for name in ("initial_option",) if name in value)
        for name, part in value.items():
            if name not in ("options", "initial_option"):
                yield from _options(part)
    elif isinstance(value, list):
        for part in value:
            yield from _options(part)


def _rich_problems(block: dict[str, Any]) -> list[str]:
    found = [] if block["elements"] else ["rich text without elements"]
    for element in rich_elements(block):
        kind = element["type"]
        keys = set(element) - {"type", "style"}
        if keys != _RICH_KEYS.get(kind):
            found.append(f"a {kind} with {sorted(keys)}")
        if kind in ("text", "link") and not element["text"]:
            found.append(f"an empty {kind}")
        if kind == "link" and not element["url"].startswith(("https://", "http://")):
            found.append(f"a link to {element['url'][:20]}")
    if text_length([block]) > LONGEST_TEXT:
        found.append(f"rich text of {text_length([block])} characters")
    return found


def _keys(value: Any, path: str = "") -> set[str]:
    if isinstance(value, dict):
        deeper = (_keys(part, f"{path}.{key}") for key, part in value.items())
        return {f"{path}.{key}".lstrip(".") for key in value}.union(*deeper)
    if isinstance(value, (list, tuple)):
        return set().union(*(_keys(part, f"{path}[]") for part in value))
    return set()
