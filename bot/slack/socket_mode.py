"""
Socket Mode: events arrive over a WebSocket that we open, so that no port of ours faces the internet.
"""

from __future__ import annotations

import logging
import threading
import time

from slack_bolt import App
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler
from slack_sdk.errors import SlackApiError

from bot.slack.client import SlackSetupError, error_code, library_logger

log = logging.getLogger("signpost.slack")

# The client pings at this interval and calls a connection stale after four pings without an
# answer; closing it then waits for a read of up to three seconds. Together that is below 15
# seconds. Its default interval of ten leaves us deaf for up to a minute.
_PING_SECONDS = 2.0
_DEAF_SECONDS = 15.0
_LOOK_SECONDS = 0.5


class SocketLink:
    """
    The connection to Slack, kept open by the client of Slack's library.

    A thread watches over what that client overlooks: it never calls a connection stale on
    which no ping was ever answered. The watcher starts the clock for it, and leaves the
    reconnecting to the client: two threads that reconnect trip over each other there.
    """

    def __init__(
        self,
        app: App,
        *,
        app_token: str,
        ping_seconds: float = _PING_SECONDS,
    ) -> None:
        self._handler = SocketModeHandler(
            app,
            app_token=app_token,
            logger=library_logger(),
            ping_interval=ping_seconds,
        )
        self._heard_at = time.monotonic()
        self._pong_at: float | None = None
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._run, name="slack-watchdog", daemon=True)
        self._handler.client.on_message_listeners.append(self._hear)

    def start(self) -> None:
        """
        Connect, and keep the connection.

        Raises:
            SlackSetupError: Slack refuses the app token.
            OSError: Slack could not be reached.
        """
        try:
            self._handler.connect()
        except SlackApiError as error:
            raise SlackSetupError(
                f"Slack refuses Socket Mode ({error_code(error)}): check SIGNPOST_SLACK_APP_TOKEN "
                "(xapp-… with the scope connections:write), and that Socket Mode is on"
            ) from error
        self._heard_at = time.monotonic()
        self._watch.start()

    def is_running(self) -> bool:
        """
        Whether Slack can reach us now, as far as one can know.
        """
        return bool(self._handler.client.is_connected()) and self.silence() < _DEAF_SECONDS

    def silence(self) -> float:
        """
        Seconds since anything came from Slack: a message, or the answer to a ping.
        """
        self._look()
        return time.monotonic() - self._heard_at

    def stop(self) -> None:
        """
        Close the connection; an event whose acknowledgement was not sent comes again.
        """
        self._stopping.set()
        if self._watch.is_alive():
            self._watch.join()
        self._handler.close()
        # A reconnect under way at that moment may have opened one more.
        self._handler.disconnect()

    def _hear(self, _message: str) -> None:
        self._heard_at = time.monotonic()

    def _run(self) -> None:
        was_deaf = False
        while not self._stopping.wait(_LOOK_SECONDS):
            self._look()
            is_deaf = not self.is_running()
            if is_deaf != was_deaf:
                log.warning("Slack cannot reach us; connecting again" if is_deaf else "Slack reaches us again")
            was_deaf = is_deaf

    def _look(self) -> None:
        session = self._handler.client.current_session
        if session is None:
            return
        if session.last_ping_pong_time is None:
            session.last_ping_pong_time = time.time()
        if session.last_ping_pong_time != self._pong_at:
            self._pong_at = session.last_ping_pong_time
            self._heard_at = time.monotonic()
