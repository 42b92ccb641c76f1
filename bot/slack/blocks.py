"""
What every message of ours has: its two forms, the mark by which it is found again, and the help text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.slack.kit import Block, context, section
from bot.slack.text import escape

QUESTION_EVENT = "signpost_question"


@dataclass(frozen=True, slots=True)
class Message:
    """What a post or an update carries: the blocks, and the text for notifications and screen readers."""

    text: str
    blocks: tuple[Block, ...]


def draw_help(*, name: str = "Signpost") -> Message:
    """
    What someone gets who mentions us without asking anything.
    """
    text = (
        f"*{escape(name)} tells you where a change belongs.* Describe it in a sentence or two, for example: "
        "_where do I change how avoid-tolls routing is computed?_ "
        "You get the modules, best first, with reasons. Vote with 👍 or 👎: it makes the next model better."
    )
    return Message("Describe a change in a sentence or two, and I name the modules where it belongs.", (section(text),))


def draw_home() -> dict[str, Any]:
    """
    The view of the app's Home tab.
    """
    return {
        "type": "home",
        "blocks": [*draw_help().blocks, context("Mention me in a channel, or write to me here.")],
    }


def question_block(question_id: str) -> str:
    """
    The block id by which a message of ours is recognised in a thread.

    The message's metadata says the same. Reading metadata back depends on more than
    reading messages does, so both are written and either one is enough.
    """
    return f"{QUESTION_EVENT}:{question_id}"


def question_metadata(question_id: str) -> dict[str, Any]:
    """
    Metadata for a message about *question_id*.
    """
    return {"event_type": QUESTION_EVENT, "event_payload": {"question_id": question_id}}


def speaks_of(message: Mapping[str, Any], question_id: str) -> bool:
    """
    Whether *message*, as Slack returns it, is ours about *question_id*.
    """
    if message.get("metadata", {}).get("event_payload", {}).get("question_id") == question_id:
        return True
    return any(block.get("block_id") == question_block(question_id) for block in message.get("blocks", ()))
