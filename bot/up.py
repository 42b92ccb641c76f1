"""
`signpost up`: one supervisor for queue, workers, dashboard and Slack.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime

from bot.dashboard.app import build_dashboard
from bot.dashboard.serve import open_socket, public_url, server_for, sign_in_link
from bot.slack.serve import serve_slack
from bot.stack import ANSWERS, TRAINING, open_stack
from worker import store
from worker.database import Sessions
from worker.process import Children, wait_for_stop
from worker.settings import Settings

log = logging.getLogger("signpost.up")

LINK_MINUTES = 15


def run_everything(settings: Settings) -> None:
    """
    Run until a SIGTERM or SIGINT; workers that die are started again.

    Raises:
        bot.dashboard.serve.AddressInUseError, bot.slack.client.SlackSetupError: before anything was started.
    """
    with open_stack(settings) as stack, open_socket(settings.dashboard_host, settings.dashboard_port) as listening:
        url = public_url(settings, port=listening.getsockname()[1])
        dashboard = server_for(build_dashboard(replace(settings, dashboard_url=url), stack.sessions))
        page = threading.Thread(target=dashboard.run, kwargs={"sockets": [listening]}, name="dashboard", daemon=True)
        with Children(settings) as children:
            children.spawn(ANSWERS)
            children.spawn(TRAINING)
            page.start()
            log.info("dashboard at %s; `signpost dashboard --link` prints a sign-in link", url)
            try:
                if settings.slack_bot_token or settings.slack_client_id:
                    serve_slack(settings, sessions=stack.sessions, connection=stack.connection)
                else:
                    log.info("Slack is off: SIGNPOST_SLACK_BOT_TOKEN is not set")
                    wait_for_stop()
            finally:
                dashboard.should_exit = True
                page.join(10)


def make_link(sessions: Sessions, url: str, person: str) -> str:
    """
    Make a sign-in link that works once, for a quarter of an hour.
    """
    with sessions.begin() as session:
        token = store.create_sign_in(session, person=person, now=datetime.now(UTC), minutes=LINK_MINUTES)
    return sign_in_link(url, token)
