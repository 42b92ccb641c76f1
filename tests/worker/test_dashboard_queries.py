"""
The figures behind the dashboard, on both databases.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from tests.factories import make_answer, make_question, make_release, make_repository
from worker import question_log, reports, signin, store
from worker.database import Sessions
from worker.question_log import QuestionFilter
from worker.reports import Approval
from worker.tables import Answer

# A Sunday shortly before midnight: the hour that tells one week from the next.
SUNDAY = datetime(2026, 3, 8, 23, 30, tzinfo=UTC)


def answered(session: Session, text: str, *, now: datetime = SUNDAY, seconds: float = 1.0, **values: Any) -> Answer:
    """
    A question about `shop` asked at *now* and ranked *seconds* later.
    """
    question = make_question(session, text, now=now)
    return make_answer(session, question, now=now + timedelta(seconds=seconds), **values)


def vote(session: Session, answer: Answer, person: str, value: int, module: str | None = None) -> str:
    """
    The id of one vote.
    """
    return store.cast_vote(session, answer_id=answer.id, person=person, value=value, module=module, now=SUNDAY).id


def test_an_empty_database_has_totals_of_zero(sessions: Sessions) -> None:
    with sessions.begin() as session:
        found = reports.totals(session)

    assert found == reports.Totals(0, 0, 0, 0, Approval(), None, None)
    assert (found.waiting, found.unsure_share, found.approval.share) == (0, None, None)


def test_totals_count_every_question_once_however_many_votes_it_has(sessions: Sessions) -> None:
    with sessions.begin() as session:
        sure = answered(session, "sure", seconds=2.0)
        unsure = answered(session, "unsure", seconds=4.0, sure=False)
        failed = make_question(session, "failed", now=SUNDAY)
        store.save_error(session, failed.id, message="No release.", now=SUNDAY + timedelta(hours=1))
        make_question(session, "waiting", now=SUNDAY)
        for person, value in (("ana", 1), ("ben", 1), ("eve", -1)):
            vote(session, sure, person, value)
        vote(session, unsure, "ana", -1)
        found = reports.totals(session)

    assert found == reports.Totals(
        questions=4,
        ranked=2,
        failed=1,
        unsure=1,
        approval=Approval(up=2, down=2),
        median_ms=3000.0,
        slow_ms=None,
    )
    assert (found.waiting, found.unsure_share) == (1, 0.5)


def test_totals_keep_to_their_period_and_repository(sessions: Sessions) -> None:
    with sessions.begin() as session:
        other = make_repository(session, "other")
        make_question(session, "elsewhere", now=SUNDAY, repository_id=other.id)
        vote(session, answered(session, "old", now=SUNDAY - timedelta(days=30)), "ana", 1)
        vote(session, answered(session, "new"), "ana", -1)
        shop = make_repository(session)
        since = SUNDAY - timedelta(days=7)

        assert reports.totals(session, since=since).questions == 2
        assert reports.totals(session, repository_id=other.id).approval == Approval()
        assert reports.totals(session, since=since, repository_id=shop.id).approval == Approval(up=0, down=1)


def test_weeks_begin_on_monday_in_utc_and_empty_ones_are_there(sessions: Sessions) -> None:
    with sessions.begin() as session:
        vote(session, answered(session, "sunday", seconds=1), "ana", 1)
        vote(session, answered(session, "monday", seconds=3600), "ana", -1)
        vote(session, answered(session, "long ago", now=SUNDAY - timedelta(days=100)), "ana", 1)
        found = reports.approval_by_week(session, now=SUNDAY + timedelta(days=8), weeks=3)

    assert [(week.monday, week.approval) for week in found] == [
        (date(2026, 3, 2), Approval(up=1, down=0)),
        (date(2026, 3, 9), Approval(up=0, down=1)),
        (date(2026, 3, 16), Approval()),
    ]


def test_releases_are_judged_by_their_own_answers(sessions: Sessions) -> None:
    with sessions.begin() as session:
        make_release(session, "first", now=SUNDAY - timedelta(days=2))
        old = answered(session, "one", release_id="first")
        vote(session, old, "ana", 1)
        vote(session, old, "ben", 1)
        make_release(session, "second", now=SUNDAY)
        vote(session, answered(session, "two", release_id="second", sure=False), "ana", -1)
        answered(session, "three", release_id="second")
        make_release(session, "never used", active=False)
        found = reports.approval_by_release(session)

    assert found == (
        reports.ReleaseApproval("second", "shop", "active", 2, 1, Approval(up=0, down=1)),
        reports.ReleaseApproval("first", "shop", "retired", 1, 0, Approval(up=2, down=0)),
    )


def test_the_log_pages_without_losing_questions_of_the_same_moment(sessions: Sessions) -> None:
    with sessions.begin() as session:
        asked = [make_question(session, f"question {number}", now=SUNDAY).id for number in range(7)]
        seen: list[str] = []
        before = None
        while True:
            page = question_log.question_page(session, QuestionFilter(), limit=3, before=before)
            seen += [row.id for row in page.rows]
            before = page.older
            if before is None:
                break

    assert sorted(seen) == sorted(asked)


def test_the_log_finds_words_as_written_and_not_as_patterns(sessions: Sessions) -> None:
    with sessions.begin() as session:
        for text in ("100% of VAT", "100 times VAT", "snake_case", "snakeXcase"):
            make_question(session, text, now=SUNDAY)

        def found(words: str) -> set[str]:
            return {row.text for row in question_log.question_page(session, QuestionFilter(words=words)).rows}

        assert found("100%") == {"100% of VAT"}
        assert found("snake_") == {"snake_case"}
        assert found("vat") == {"100% of VAT", "100 times VAT"}


def test_corrections_wait_oldest_first_and_leave_when_reviewed(sessions: Sessions) -> None:
    with sessions.begin() as session:
        answer = answered(session, "where is VAT added?")
        plain = vote(session, answer, "ana", -1)
        first = vote(session, answer, "ben", -1, "shop.mail")
        second = vote(session, answer, "eve", -1, "shop.cart")
        before = reports.open_corrections(session)
        store.review_vote(session, first, reviewed="confirmed", reviewer="dana", now=SUNDAY + timedelta(days=1))

        waiting = question_log.corrections(session, open_ones=True)
        done = question_log.corrections(session, open_ones=False)

    assert before == 2
    assert [item.vote.id for item in waiting] == [second]
    assert [(item.vote.id, item.vote.reviewed_by) for item in done] == [(first, "dana")]
    assert done[0].answered[0].id == "shop.billing"
    assert plain not in {item.vote.id for item in (*waiting, *done)}


def test_an_unknown_question_has_no_detail(sessions: Sessions) -> None:
    with sessions.begin() as session:
        assert question_log.question_detail(session, "0" * 32) is None


def test_a_session_lives_from_redeeming_to_signing_out(sessions: Sessions) -> None:
    with sessions.begin() as session:
        token = signin.create_sign_in(session, person="dana", now=SUNDAY, minutes=10)
        key = signin.sign_in_key(token)
        unused = signin.signed_in_person(session, key)
        signin.redeem_sign_in(session, token, SUNDAY)
        used = signin.signed_in_person(session, key)
        signin.end_sign_in(session, key)

        assert (unused, used) == (None, "dana")
        assert signin.signed_in_person(session, key) is None
        assert signin.redeem_sign_in(session, token, SUNDAY) is None
