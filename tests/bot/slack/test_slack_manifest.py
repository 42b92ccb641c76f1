"""
The manifest: what Slack's published schema asks for, and nothing that our code does not use.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.slack.scopes import BOT_SCOPES

ROOT = Path(__file__).parents[3]

# The parts of Slack's manifest schema (version 2) that ours touches: the keys it allows where
# it allows no others, and its limits.
ALLOWED = {
    "": {"_metadata", "display_information", "features", "oauth_config", "settings"},
    "display_information": {"name", "description", "long_description", "background_color"},
    "features": {"app_home", "bot_user", "agent_view", "slash_commands", "shortcuts"},
    "features.app_home": {"home_tab_enabled", "messages_tab_enabled", "messages_tab_read_only_enabled"},
    "features.bot_user": {"display_name", "always_online"},
    "features.agent_view": {"agent_description", "suggested_prompts", "actions"},
    "oauth_config": {"scopes"},
    "oauth_config.scopes": {"bot"},
    "settings": {
        "event_subscriptions",
        "interactivity",
        "org_deploy_enabled",
        "socket_mode_enabled",
        "token_rotation_enabled",
    },
    "settings.event_subscriptions": {"bot_events"},
    "settings.interactivity": {"is_enabled"},
}

# Which scope makes each event and each call of ours possible.
NEEDED = {
    "app_mention": {"app_mentions:read"},
    "message.im": {"im:history"},
    "reaction_added": {"reactions:read"},
    "reaction_removed": {"reactions:read"},
    "app_home_opened": set(),
    "app_uninstalled": set(),
    "tokens_revoked": set(),
    "chat_postMessage": {"chat:write"},
    "chat_postEphemeral": {"chat:write"},
    "chat_update": {"chat:write"},
    "chat_delete": {"chat:write"},
    "chat_getPermalink": set(),
    "reactions_add": {"reactions:write"},
    "reactions_remove": {"reactions:write"},
    "conversations_replies": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "conversations_history": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "conversations_open": {"im:write"},
    "users_lookupByEmail": {"users:read", "users:read.email"},
    "assistant_threads_setStatus": {"chat:write"},
    "views_publish": set(),
    "views_open": set(),
    "views_update": set(),
    "agent_view": {"assistant:write"},
    "slash_commands": {"commands"},
    "shortcuts": {"commands"},
    "usergroups_users_list": {"usergroups:read"},
    "auth_test": set(),
    "auth_revoke": set(),
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "deploy/slack-manifest.yaml").read_text(encoding="utf-8"))
    return read


def test_it_has_the_keys_that_slack_knows(manifest: dict[str, Any]) -> None:
    for path, allowed in ALLOWED.items():
        part: Any = manifest
        for key in filter(None, path.split(".")):
            part = part[key]
        assert set(part) <= allowed, path


def test_it_keeps_slacks_limits(manifest: dict[str, Any]) -> None:
    shown, features = manifest["display_information"], manifest["features"]

    assert 1 <= len(shown["name"]) <= 35
    assert 1 <= len(shown["description"]) <= 140
    assert 175 <= len(shown["long_description"]) <= 4000
    assert re.fullmatch("#[0-9a-fA-F]{6}", shown["background_color"])
    assert len(features["bot_user"]["display_name"]) <= 80
    assert len(features["agent_view"]["agent_description"]) <= 300
    assert len(features["agent_view"]["suggested_prompts"]) <= 4
    assert all(set(prompt) == {"title", "message"} for prompt in features["agent_view"]["suggested_prompts"])


def test_socket_mode_is_the_default(manifest: dict[str, Any]) -> None:
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert manifest["settings"]["interactivity"]["is_enabled"] is True
    assert "assistant_view" not in manifest["features"]


def test_its_scopes_are_what_our_events_and_calls_need_and_no_more(manifest: dict[str, Any]) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot/slack").glob("*.py"))
    methods = "chat|reactions|conversations|views|users|usergroups|assistant|auth"
    calls = set(re.findall(rf"\.((?:{methods})_[a-zA-Z_]+)\b(?! =)", code))
    surfaces = {name for name in ("agent_view", "slash_commands", "shortcuts") if name in manifest["features"]}
    used = {*manifest["settings"]["event_subscriptions"]["bot_events"], *calls, *surfaces}

    assert used == set(NEEDED)
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == set().union(*NEEDED.values())


def test_the_code_asks_for_the_scopes_of_the_manifest(manifest: dict[str, Any]) -> None:
    assert sorted(BOT_SCOPES) == sorted(manifest["oauth_config"]["scopes"]["bot"])


def test_commands_and_shortcuts_keep_slacks_limits(manifest: dict[str, Any]) -> None:
    for command in manifest["features"]["slash_commands"]:
        assert set(command) <= {"command", "description", "usage_hint", "should_escape", "url"}
        assert re.fullmatch(r"/[a-z-]{1,31}", command["command"])
        assert 1 <= len(command["description"]) <= 2000
        assert len(command["usage_hint"]) <= 1000
    for shortcut in manifest["features"].get("shortcuts", ()):
        assert set(shortcut) == {"name", "type", "callback_id", "description"}
        assert shortcut["type"] in ("message", "global")
        assert 1 <= len(shortcut["name"]) <= 24
        assert 1 <= len(shortcut["description"]) <= 150


def test_every_command_has_a_listener(manifest: dict[str, Any]) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot/slack").glob("*.py"))

    for command in manifest["features"]["slash_commands"]:
        assert f'= "{command["command"]}"' in code


def test_every_subscribed_event_has_a_listener_of_its_own(manifest: dict[str, Any]) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot/slack").glob("*.py"))
    listeners = set(re.findall(r'app\.event\("(\w+)"', code))

    assert {name.partition(".")[0] for name in manifest["settings"]["event_subscriptions"]["bot_events"]} == listeners


def test_the_documentation_gives_a_reason_for_every_scope_and_event(manifest: dict[str, Any]) -> None:
    page = (ROOT / "docs/slack.md").read_text(encoding="utf-8")
    named = [*manifest["oauth_config"]["scopes"]["bot"], *manifest["settings"]["event_subscriptions"]["bot_events"]]

    assert [name for name in named if not re.search(rf"^\|[^|]*`{re.escape(name)}`", page, re.MULTILINE)] == []
