"""
Messages beside the answers: each is written down once, and shown as often as it changes.
"""

from datetime import timedelta

import pytest

from tests.factories import MODULES, NOON, make_answer, make_question, make_release
from tests.worker.conftest import calls
from worker import store
from worker.catalogs import Directories, ModuleDirectory, ModuleFacts
from worker.news import NEWS
from worker.queues import enqueue_answer, enqueue_news
from worker.waiting import outlook


def add(session, key="ask:1", **values):
    known = {"kind": "ask", "team": "T1", "recipient": "U1", "now": NOON}
    return store.add_notice(session, key=key, **{**known, **values})


def test_the_same_key_is_one_notice(sessions):
    with sessions.begin() as session:
        assert add(session)
        assert not add(session, recipient="U2")
        assert len(store.unsaid_notices(session)) == 1


def test_a_notice_is_said_again_when_it_changed_in_the_meantime(sessions):
    with sessions.begin() as session:
        add(session)
        (one,) = store.unsaid_notices(session)
        store.change_notice(session, one, payload={"answered": True})
        store.mark_notice_shown(session, one, 1)
        still = store.unsaid_notices(session)
        store.mark_notice_shown(session, one, 2)

        assert (still, store.unsaid_notices(session)) == ([one], [])
        assert store.notice(session, one).payload == {"answered": True}


def test_a_closed_notice_is_not_tried_again(sessions):
    with sessions.begin() as session:
        add(session)
        store.close_notice(session, store.unsaid_notices(session)[0], "channel_not_found")

        assert store.unsaid_notices(session) == []


def learned(session, *, value=-1, person="U0BEN", module="shop.cart", state="active"):
    """A correction from Slack, and a release that was trained with it."""
    asked = make_question(session, source="slack", team="T1", channel="C1", message_ts="1.0")
    answer = make_answer(session, asked)
    store.cast_owner_word(session, answer_id=answer.id, person=person, module=module, top=value > 0, now=NOON)
    training, _ = store.add_training(session, repository_id=asked.repository_id, requested_by="ana", now=NOON)
    store.mark_trained(session, training.id, store.confirmed_feedback(session, asked.repository_id))
    release = make_release(session, active=state == "active")
    store.update_training(session, training.id, now=NOON, state="done", release_id=release.id)
    return asked, answer, release


def test_a_correction_is_news_once_when_its_release_is_in_use(sessions):
    with sessions.begin() as session:
        asked, _, _ = learned(session)
        first = store.add_news(session, source="slack", now=NOON)
        second = store.add_news(session, source="slack", now=NOON)
        (one,) = store.unready_notices(session, NEWS)
        told = store.notice(session, one)

        assert (len(first), second) == (1, [])
        assert (told.recipient, told.question_id, told.payload["module"]) == ("U0BEN", asked.id, "shop.cart")
        assert store.unsaid_notices(session) == []


def test_who_cannot_be_told_is_not(sessions):
    with sessions.begin() as session:
        learned(session, person="ana")

        assert store.add_news(session, source="slack", now=NOON, reachable=str.isupper) == []
        assert len(store.add_news(session, source="slack", now=NOON)) == 1


@pytest.mark.parametrize(
    "why", ["the release waits", "another source", "the author changed their mind", "vote taken back"]
)
def test_what_did_not_come_of_a_correction_is_no_news(sessions, why):
    with sessions.begin() as session:
        _, answer, _ = learned(session, state="candidate" if why == "the release waits" else "active")
        if why == "the author changed their mind":
            store.cast_vote(session, answer_id=answer.id, person="U0BEN", value=1, now=NOON)
        if why == "vote taken back":
            store.withdraw_vote(session, answer_id=answer.id, person="U0BEN", value=-1)

        assert store.add_news(session, source="cli" if why == "another source" else "slack", now=NOON) == []


def test_the_worker_ranks_for_the_news_once(released, sqlite_sessions, connection, settings, work):
    with sqlite_sessions.begin() as session:
        learned(session, state="candidate")
        training = store.latest_training(session, released.repository_id)
        store.update_training(session, training.id, now=NOON, release_id=released.id)
        store.add_news(session, source="slack", now=NOON)
        (one,) = store.unready_notices(session, NEWS)
    assert enqueue_news(connection, one)
    assert not enqueue_news(connection, one)
    work()
    assert enqueue_news(connection, one)
    work()

    with sqlite_sessions() as session:
        assert store.unsaid_notices(session) == [one]
        assert store.notice(session, one).payload["modules"][0]["id"] == MODULES[0].id
    assert calls(settings) == ["rank where is VAT added?"]


def test_news_that_cannot_be_ranked_are_not_told(released, sqlite_sessions, connection, work):
    with sqlite_sessions.begin() as session:
        asked = make_question(session, "broken")
        add(session, key="news:1", kind=NEWS, question_id=asked.id, ready=False)
        (one,) = store.unready_notices(session, NEWS)
    enqueue_news(connection, one)
    work()

    with sqlite_sessions() as session:
        assert store.unready_notices(session, NEWS) == store.unsaid_notices(session) == []


def test_an_owners_word_counts_at_once_and_a_later_vote_is_an_ordinary_one(sessions):
    with sessions.begin() as session:
        answer = make_answer(session, make_question(session))
        store.cast_owner_word(session, answer_id=answer.id, person="U1", module="shop.mail", top=False, now=NOON)
        first = store.vote_of(session, answer_id=answer.id, person="U1")
        said = (first.trust, first.reviewed, first.reviewed_by, first.value)
        store.cast_vote(
            session, answer_id=answer.id, person="U1", value=-1, module="shop.cart", wrong="other", now=NOON
        )
        later = store.vote_of(session, answer_id=answer.id, person="U1")

    assert said == ("high", "confirmed", "U1", -1)
    assert (later.trust, later.reviewed, later.wrong) == ("normal", "open", "other")


def test_the_last_word_about_a_candidate_counts(sessions):
    with sessions.begin() as session:
        answer = make_answer(session, make_question(session))
        for module, value in (("shop.cart", 1), ("shop.mail", -1), ("shop.cart", -1)):
            store.cast_candidate_vote(session, answer_id=answer.id, person="U1", module=module, value=value, now=NOON)

        said = store.candidate_votes(session, answer_id=answer.id, person="U1")
        assert said == {"shop.cart": -1, "shop.mail": -1}
        with pytest.raises(ValueError, match="got 3"):
            store.cast_candidate_vote(session, answer_id=answer.id, person="U1", module="x", value=3, now=NOON)


def test_the_outlook_counts_who_is_ahead_and_says_nothing_without_a_worker(sqlite_sessions, connection):
    with sqlite_sessions.begin() as session:
        for number in range(3):
            make_answer(session, make_question(session, f"before {number}"))
        asked = [make_question(session, f"q{number}").id for number in range(3)]
        store.claim_question(session, asked[0], worker="w", now=NOON, seconds=20)
    for question_id in asked[1:]:
        enqueue_answer(connection, question_id)
    connection.sadd("rq:workers:answers", "rq:worker:w1")
    with sqlite_sessions() as session:
        alone = outlook(session, connection, asked[2], now=NOON)
        connection.hset("rq:worker:w1", "birth", "now")
        seen = [outlook(session, connection, one, now=NOON) for one in asked]
        free = outlook(session, connection, asked[1], now=NOON + timedelta(seconds=30))

    # 40 ms of ranking and 900 ms of reasoning for each that comes first, then 40 ms for this one.
    assert seen[0] is None
    assert [(one.ahead, round(one.seconds, 2)) for one in seen[1:]] == [(1, 0.98), (2, 1.92)]
    assert (alone.ahead, alone.seconds, alone.workers) == (2, None, 0)
    assert (free.ahead, round(free.seconds, 2)) == (0, 0.04)


def directory():
    ids = ("core/routing", "core/routing/tolls", "app/ios/tolls", "shop/billing")
    return ModuleDirectory({id: ModuleFacts(id, id, id.rsplit("/", 1)[-1].title()) for id in ids})


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("toll", ["app/ios/tolls", "core/routing/tolls"]),
        ("core", ["core/routing", "core/routing/tolls"]),
        ("tolls ios", ["app/ios/tolls"]),
        ("BILL", ["shop/billing"]),
        ("", ["shop/billing", "core/routing", "core/routing/tolls", "app/ios/tolls"]),
        ("<!channel>", []),
    ],
)
def test_modules_are_found_by_any_part_of_their_name(words, found):
    assert [facts.id for facts in directory().search(words, first=["shop/billing", "gone"])] == found


def test_a_module_is_found_again_by_its_key():
    facts = directory().modules["core/routing"]

    assert directory().by_key(facts.key) == facts
    assert directory().by_key("0" * 16) is None


def test_a_release_without_a_readable_catalog_has_no_directory(tmp_path):
    assert Directories().of_release(str(tmp_path)) is None
