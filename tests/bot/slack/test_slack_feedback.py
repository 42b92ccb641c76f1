"""
Feedback: one word per person and answer, corrections with a module, and what becomes of them.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bot.slack.serve import gather_news
from graph.values import Catalog, ModuleCard
from inference.values import RankedModule
from tests.bot.slack.conftest import Serve
from tests.bot.slack.conversing import asked_and_answered, shown, stored
from tests.bot.slack.payloads import Sender, click, press, reaction, sent, typed, view_press, wait_until
from tests.factories import make_release, make_repository
from tests.fakes import Failure, FakeSlack
from worker import store
from worker.catalogs import module_key
from worker.database import Sessions
from worker.news import NEWS
from worker.queues import answers_queue
from worker.tables import CandidateVote, Notice, Vote

CARDS = [
    ModuleCard(id, title, id.replace(".", "/"), purpose, (f"{id.replace('.', '/')}/a.py",), (), owners=owners)
    for id, title, purpose, owners in (
        ("shop.billing", "Billing", "Adds VAT.", ("Ana", "Ben")),
        ("shop.cart", "Cart", "Holds what is bought.", ("Cleo",)),
        ("shop.mail", "Mail", "Sends mail.", ()),
        ("shop.refunds", "Refunds", "<!channel> gives money back.", ()),
    )
]


@pytest.fixture
def catalogued(sqlite_sessions: Sessions, tmp_path: Path) -> Sessions:
    """
    A database in which the repository `shop` has an active release with a catalog of four modules.
    """
    folder = tmp_path / "release-1"
    Catalog("shop", "c" * 40, tuple(CARDS), ()).save(folder / "catalog.json")
    with sqlite_sessions.begin() as session:
        make_repository(session)
        make_release(session, "release-1", folder=str(folder))
    return sqlite_sessions


def votes(sessions: Sessions) -> list[tuple[str, int, str | None]]:
    return [(vote.person, vote.value, vote.module) for vote in stored(sessions, Vote)]


def open_window(slack: FakeSlack) -> tuple[str, dict[str, Any]]:
    """The window that was opened last."""
    assert wait_until(lambda: slack.views)
    return list(slack.views.items())[-1]


def test_a_thumb_up_is_thanked_in_private_with_what_happens(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        _, answer, post = asked_and_answered(slack, shop, sender)
        sender.send_click(click(f"up:{answer.id}", post.ts))
        assert wait_until(lambda: slack.whispers)

    assert votes(shop) == [("U0BEN", 1, None)]
    assert "counts in the approval of this release" in slack.whispers[0]["text"]
    assert slack.views == {}


def test_a_thumb_down_opens_a_window_and_counts_though_it_is_closed(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(catalogued, connection) as sender:
        _, answer, post = asked_and_answered(slack, catalogued, sender)
        sender.send_click(click(f"down:{answer.id}", post.ts))
        _, view = open_window(slack)

    assert votes(catalogued) == [("U0BEN", -1, None)]
    assert view["callback_id"] == "signpost_wrong"
    assert "closing this changes nothing" in json.dumps(view)
    assert slack.whispers == []


def test_when_no_window_opens_the_vote_is_thanked_for(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    slack.fail("views.open", Failure(error="expired_trigger_id"))
    with serve(shop, connection) as sender:
        _, answer, post = asked_and_answered(slack, shop, sender)
        sender.send_click(click(f"down:{answer.id}", post.ts))
        assert wait_until(lambda: slack.whispers)

    assert votes(shop) == [("U0BEN", -1, None)]


def test_the_menu_finds_every_module_of_the_repository(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(catalogued, connection) as sender:
        _, answer, post = asked_and_answered(slack, catalogued, sender)
        sender.send_click(click(f"down:{answer.id}", post.ts))
        view_id, view = open_window(slack)
        window = {"view": {**view, "id": view_id}, "container": {"type": "view", "view_id": view_id}}
        searches = [typed(words, "signpost_module", **window) for words in ("refund", "shop", "", "nothing")]
        replies = [sender.send_click(search).json()["options"] for search in searches]

    found = [[option["text"]["text"] for option in options] for options in replies]
    assert found == [
        ["shop.refunds"],
        ["shop.cart", "shop.mail", "shop.billing", "shop.refunds"],
        ["shop.billing", "shop.cart", "shop.mail", "shop.refunds"],
        [],
    ]


def test_a_correction_is_stored_and_thanked_for_with_what_happens(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(catalogued, connection) as sender:
        _, answer, post = asked_and_answered(slack, catalogued, sender)
        sender.send_click(click(f"down:{answer.id}", post.ts))
        view_id, view = open_window(slack)
        payload = sent(view_id, view, module=module_key("shop.refunds"), choice="other", comment="it moved\0")
        reply = sender.send_click(payload).json()

    (vote,) = stored(catalogued, Vote)
    assert (vote.value, vote.module, vote.wrong, vote.comment) == (-1, "shop.refunds", "other", "it moved")
    assert reply["response_action"] == "update"
    assert "I tell you when a release that did is in use" in json.dumps(reply["view"])


def test_a_correction_is_remembered_when_the_window_opens_again(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(catalogued, connection) as sender:
        _, answer, post = asked_and_answered(slack, catalogued, sender)
        sender.send_click(click(f"down:{answer.id}", post.ts))
        view_id, view = open_window(slack)
        sender.send_click(sent(view_id, view, module=module_key("shop.mail"), choice="order", comment="see"))
        sender.send_click(click(f"down:{answer.id}", post.ts))
        assert wait_until(lambda: len(slack.views) == 2)
        _, again = open_window(slack)

    assert votes(catalogued) == [("U0BEN", -1, "shop.mail")]
    elements = [block["element"] for block in again["blocks"] if block["type"] == "input"]
    assert elements[0]["initial_option"]["text"]["text"] == "shop.mail"
    assert (elements[1]["initial_option"]["value"], elements[2]["initial_value"]) == ("order", "see")


def test_words_without_a_module_are_kept_for_the_review(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(catalogued, connection) as sender:
        _, answer, post = asked_and_answered(slack, catalogued, sender)
        sender.send_click(click(f"down:{answer.id}", post.ts))
        view_id, view = open_window(slack)
        reply = sender.send_click(sent(view_id, view, comment="no idea")).json()

    assert votes(catalogued) == [("U0BEN", -1, None)]
    assert "Without a module no model can learn" in json.dumps(reply["view"])


@pytest.mark.parametrize("how", ["another workspace", "a module of another release", "nonsense in the window"])
def test_a_correction_that_cannot_be_is_refused(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve, how: str
) -> None:
    with serve(catalogued, connection) as sender:
        _, answer, post = asked_and_answered(slack, catalogued, sender)
        sender.send_click(click(f"down:{answer.id}", post.ts))
        view_id, view = open_window(slack)
        who = {"team": "T0OTHER"} if how == "another workspace" else {}
        module = "f" * 16 if how == "a module of another release" else module_key("shop.mail")
        view = view | ({"private_metadata": "[{]"} if how == "nonsense in the window" else {})
        reply = sender.send_click(sent(view_id, view, module=module, **who))

    assert (reply.status_code, reply.json()["response_action"]) == (200, "errors")
    assert votes(catalogued) == [("U0BEN", -1, None)]


def test_what_is_not_about_the_code_has_nothing_to_approve(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(catalogued, connection) as sender:
        _, answer, post = asked_and_answered(slack, catalogued, sender, sure=False, off_topic=True)
        sender.send_event(reaction("reaction_added", "+1", post.ts))
        clicked = press("signpost_more", answer.id, post.ts)
        assert sender.send_click(clicked).status_code == 200
        assert wait_until(lambda: slack.views)

    assert "This does not look like a change to shop." in str(post.blocks)
    assert votes(catalogued) == []
    assert "shop.billing" in str(slack.views)


def test_a_reaction_offers_the_window_by_a_button_in_private(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(catalogued, connection) as sender:
        _, _, post = asked_and_answered(slack, catalogued, sender)
        for _ in range(2):
            sender.send_event(reaction("reaction_added", "-1", post.ts))
        assert wait_until(lambda: slack.whispers)
        (choice,) = slack.whispers[0]["blocks"][1]["elements"]
        sender.send_click(press(choice["action_id"], choice["value"], "9.9"))
        view_id, view = open_window(slack)
        sender.send_click(sent(view_id, view, module=module_key("shop.cart")))
        # The same reaction once more must not undo what was said in the window.
        sender.send_event(reaction("reaction_added", "thumbsdown", post.ts))

    assert votes(catalogued) == [("U0BEN", -1, "shop.cart")]
    assert len(slack.whispers) == 1


def test_more_shows_all_candidates_and_takes_a_vote_on_each(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(catalogued, connection) as sender:
        _, answer, post = asked_and_answered(slack, catalogued, sender)
        sender.send_click(press("signpost_more", answer.id, post.ts))
        view_id, view = open_window(slack)
        values = [block["elements"][0]["value"] for block in view["blocks"] if block["type"] == "actions"]
        sender.send_click(view_press("signpost_not_here", values[0], view_id, view))
        sender.send_click(view_press("signpost_belongs", values[1], view_id, view))
        assert wait_until(lambda: "it belongs here." in json.dumps(slack.views[view_id]))

    said = [(vote.module, vote.value) for vote in stored(catalogued, CandidateVote)]
    assert said == [("shop.billing", -1), ("shop.cart", 1)]
    assert votes(catalogued) == [("U0BEN", -1, "shop.cart")]
    assert "You said: not here." in json.dumps(slack.views[view_id])


def test_naming_the_first_candidate_says_that_the_answer_was_right(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(catalogued, connection) as sender:
        _, answer, post = asked_and_answered(slack, catalogued, sender)
        sender.send_click(press("signpost_more", answer.id, post.ts))
        view_id, view = open_window(slack)
        sender.send_click(view_press("signpost_belongs", f"{answer.id}:{module_key('shop.billing')}", view_id, view))
        stranger = view_press("signpost_belongs", f"{answer.id}:{module_key('shop.mail')}", view_id, view, user="U0EVE")
        stranger["user"]["team_id"] = "T0OTHER"
        sender.send_click(stranger)
        sender.send_click(view_press("signpost_belongs", f"{answer.id}:{'0' * 16}", view_id, view))
        sender.send_click(view_press("signpost_belongs", "nonsense", view_id, view))

    assert votes(catalogued) == [("U0BEN", 1, "shop.billing")]


def test_windows_open_only_from_the_message_of_their_answer(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        _, answer, post = asked_and_answered(slack, shop, sender)
        for action in ("signpost_more", "signpost_why", "signpost_ask_human"):
            for click_ in (
                press(action, answer.id, "1.000001"),
                press(action, answer.id, post.ts, channel="C0OTHER"),
                press(action, answer.id, post.ts, team="T0OTHER"),
                press(action, "0" * 32, post.ts),
            ):
                assert sender.send_click(click_).status_code == 200

    assert slack.views == {}
    assert stored(shop, Notice) == []


def correct(slack: FakeSlack, sessions: Sessions, sender: Sender, module: str) -> str:
    """A correction by window, confirmed by a lead; gives back the id of the vote."""
    _, answer, post = asked_and_answered(slack, sessions, sender)
    sender.send_click(click(f"down:{answer.id}", post.ts))
    view_id, view = open_window(slack)
    sender.send_click(sent(view_id, view, module=module_key(module)))
    (vote,) = stored(sessions, Vote)
    with sessions.begin() as session:
        store.review_vote(session, vote.id, reviewed="confirmed", reviewer="lea", now=datetime.now(UTC))
    return str(vote.id)


def train_and_promote(sessions: Sessions) -> None:
    """A training with the confirmed corrections, and its release in use."""
    now = datetime.now(UTC)
    with sessions.begin() as session:
        repository = make_repository(session)
        training, _ = store.add_training(session, repository_id=repository.id, requested_by="schedule", now=now)
        store.mark_trained(session, training.id, store.confirmed_feedback(session, repository.id))
        folder = store.release(session, "release-1").folder
        release = make_release(session, "release-2", folder=folder, now=now)
        store.update_training(session, training.id, now=now, state="done", release_id=release.id)


def rank_news(sessions: Sessions, modules: tuple[str, ...]) -> None:
    """The worker's part."""
    with sessions.begin() as session:
        for notice_id in store.unready_notices(session, NEWS):
            payload = store.notice(session, notice_id).payload
            ranked = [RankedModule(one, one.replace(".", "/"), 0.6).to_json() for one in modules]
            told = {"release": "release-2", "modules": ranked, "commit": "d" * 40, "sure": True}
            store.change_notice(session, notice_id, payload=payload | told)


@pytest.mark.parametrize(
    ("modules", "outcome"),
    [
        (("shop.refunds", "shop.billing"), "It now names your module first."),
        (("shop.billing", "shop.refunds"), "It now names your module in place 2."),
        (("shop.billing",), "It still does not name your module among the first ten"),
    ],
)
def test_the_author_of_a_correction_is_told_once_what_became_of_it(
    slack: FakeSlack,
    catalogued: Sessions,
    connection: Redis,
    serve: Serve,
    modules: tuple[str, ...],
    outcome: str,
) -> None:
    direct = slack.direct("U0BEN")
    with serve(catalogued, connection) as sender:
        vote_id = correct(slack, catalogued, sender, "shop.refunds")
        train_and_promote(catalogued)
        for _ in range(3):
            gather_news(catalogued, connection)
        (notice,) = stored(catalogued, Notice)
        assert f"news-{notice.id}" in answers_queue(connection).job_ids
        rank_news(catalogued, modules)
        assert wait_until(shown(slack, outcome, channel=direct))
    with serve(catalogued, connection):
        gather_news(catalogued, connection)
        rank_news(catalogued, modules)

    (post,) = slack.ours(direct)
    assert "release-2" in json.dumps(post.blocks)
    assert "where is VAT added to an order?" in json.dumps(post.blocks)
    assert notice.key == f"news:{vote_id}"


def test_a_correction_without_a_promotion_is_no_news(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(catalogued, connection) as sender:
        correct(slack, catalogued, sender, "shop.refunds")
        gather_news(catalogued, connection)

    assert stored(catalogued, Notice) == []


def test_news_whose_post_lost_its_reply_are_not_repeated(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve
) -> None:
    direct = slack.direct("U0BEN")
    with serve(catalogued, connection) as sender:
        correct(slack, catalogued, sender, "shop.refunds")
        train_and_promote(catalogued)
        gather_news(catalogued, connection)
        slack.fail("chat.postMessage", Failure(drop=True))
        rank_news(catalogued, ("shop.refunds",))
        assert wait_until(lambda: stored(catalogued, Notice)[0].shown == 1)

    assert len(slack.ours(direct)) == 1


def test_news_for_somebody_who_left_are_given_up(
    slack: FakeSlack, catalogued: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(catalogued, connection) as sender:
        correct(slack, catalogued, sender, "shop.refunds")
        train_and_promote(catalogued)
        gather_news(catalogued, connection)
        slack.fail("conversations.open", Failure(error="user_disabled"))
        rank_news(catalogued, ("shop.refunds",))

        assert wait_until(lambda: stored(catalogued, Notice)[0].failure is not None)
