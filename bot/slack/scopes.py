"""
What Signpost asks Slack for, and why. The manifest and docs/slack.md say the same; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BOT_SCOPES: Final[Mapping[str, str]] = {
    "app_mentions:read": "hear mentions",
    "assistant:write": "offer prompts in the direct message",
    "channels:history": "look into a thread before posting again",
    "chat:write": "post and update answers",
    "groups:history": "look into a thread before posting again",
    "im:history": "hear direct messages",
    "im:write": "answer a person in the direct message",
    "mpim:history": "look into a thread before posting again",
    "reactions:read": "count 👍 and 👎",
    "reactions:write": "set and remove 👀",
    "commands": "take /where and /where-admin",
    "usergroups:read": "let a user group be the admins, or be asked for help",
    "users:read": "find owners by e-mail",
    "users:read.email": "find owners by e-mail",
}
