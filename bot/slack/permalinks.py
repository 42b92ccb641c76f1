"""
Addresses of messages, so that whoever reads of a conversation elsewhere can open it.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from bot.slack.context import courtesy
from bot.slack.text import escape

# Slack's own addresses; what else a proxy may answer is no link of ours.
_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+/[A-Za-z0-9/._?&=%-]+")
_MOST_KNOWN = 2_000


class Permalinks:
    """
    Asks Slack for the address of a message, once for each.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    def of(self, get: Callable[..., Any], *, team: str, channel: str, ts: str) -> str:
        """
        The address; empty when Slack does not tell it now.

        Args:
            get: `chat.getPermalink` of the workspace's client.
        """
        key = (team, channel, ts)
        with self._lock:
            if key in self._known:
                return self._known[key]
        told: list[str] = []
        courtesy(lambda: told.append(str(get(channel=channel, message_ts=ts).get("permalink") or "")))
        link = told[0] if told and _ADDRESS.fullmatch(told[0]) else ""
        if link:
            with self._lock:
                self._known[key] = link
                while len(self._known) > _MOST_KNOWN:
                    self._known.popitem(last=False)
        return link


def linked(link: str, text: str) -> str:
    """
    *text* of our own as a marked-up link.

    >>> linked("https://roads.slack.com/archives/C1/p17?thread_ts=1.7&cid=C1", "open")
    '<https://roads.slack.com/archives/C1/p17?thread_ts=1.7&amp;cid=C1|open>'
    """
    return f"<{escape(link)}|{escape(text)}>"
