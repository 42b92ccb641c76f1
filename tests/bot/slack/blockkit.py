"""
Would Slack take these blocks? A check that knows nothing of how we draw them.

Slack's own models check many lengths; what they let through is checked here: unknown block
types and keys, empty texts, the number of blocks and the sum of all texts.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

MOST_BLOCKS = 50
LONGEST_MESSAGE = 13_000
LONGEST_TEXT = 3_000
LONGEST_OPTION_VALUE = 150


def problems(blocks: Sequence[dict[str, Any]]) -> list[str]:
    """
    Everything Slack would refuse *blocks* for; empty when it would take them.
    """
    found: list[str] = []
    if len(blocks) > MOST_BLOCKS:
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
    The sum of all text in *blocks*, in UTF-16 units.
    """
    return sum(len(text["text"].encode("utf-16-le")) // 2 for text in text_objects(blocks))


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
    for option in block.get("accessory", {}).get("options", ()):
        if len(option["value"]) > LONGEST_OPTION_VALUE:
            found.append(f"an option value of {len(option['value'])} characters")
    return found


def _keys(value: Any, path: str = "") -> set[str]:
    if isinstance(value, dict):
        deeper = (_keys(part, f"{path}.{key}") for key, part in value.items())
        return {f"{path}.{key}".lstrip(".") for key in value}.union(*deeper)
    if isinstance(value, (list, tuple)):
        return set().union(*(_keys(part, f"{path}[]") for part in value))
    return set()
