"""
What every message of ours has: its two forms, the mark by which it is found again, and the help text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.slack.kit import Block, section
from bot.slack.phrases import Language, say

QUESTION_EVENT = "signpost_question"


@dataclass(frozen=True, slots=True)
class Message:
    """What a post or an update carries: the blocks, and the text for notifications and screen readers."""

    text: str
    blocks: tuple[Block, ...]


def draw_help(language: Language = "en") -> Message:
    """
    What someone gets who mentions us without asking anything.
    """
    return Message(say("help_short", language), (section(say("help", language)),))


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
