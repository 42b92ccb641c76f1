from datetime import timedelta

import pytest

from tests.factories import NOON, make_answer, make_question
from worker import store


@pytest.fixture
def session(sessions):
    with sessions.begin() as session:
        yield session


@pytest.fixture
def answer(session):
    return make_answer(session, make_question(session))


def correct(session, answer, person, module, *, now=NOON):
    return store.cast_vote(session, answer_id=answer.id, person=person, value=-1, module=module, now=now)


def labels(session, answer):
    question = store.question(session, answer.question_id)
    return [(row.person, row.module) for row in store.confirmed_feedback(session, question.repository_id)]


def test_the_last_vote_of_a_person_counts(session, answer):
    store.cast_vote(session, answer_id=answer.id, person="ana", value=1, now=NOON)
    store.cast_vote(session, answer_id=answer.id, person="ana", value=-1, now=NOON + timedelta(minutes=1))

    (vote,) = store.votes(session, answer.id)
    assert (vote.value, vote.created_at, vote.updated_at) == (-1, NOON, NOON + timedelta(minutes=1))


def test_a_vote_is_up_or_down(session, answer):
    with pytest.raises(ValueError, match=r"a vote is \+1 or -1, got 0"):
        store.cast_vote(session, answer_id=answer.id, person="ana", value=0, now=NOON)


def test_taking_back_an_older_vote_keeps_the_newer_one(session, answer):
    store.cast_vote(session, answer_id=answer.id, person="ana", value=-1, now=NOON)

    assert not store.withdraw_vote(session, answer_id=answer.id, person="ana", value=1)
    assert store.withdraw_vote(session, answer_id=answer.id, person="ana", value=-1)
    assert store.votes(session, answer.id) == []


def test_a_correction_is_no_label_before_it_is_confirmed(session, answer):
    vote = correct(session, answer, "ana", "shop.cart")
    before = labels(session, answer)
    store.review_vote(session, vote.id, reviewed="confirmed", reviewer="lea", now=NOON)

    assert before == []
    assert labels(session, answer) == [("ana", "shop.cart")]


def test_a_rejected_correction_is_never_a_label(session, answer):
    for person in ("ana", "bo"):
        vote = correct(session, answer, person, "shop.cart")
        store.review_vote(session, vote.id, reviewed="rejected", reviewer="lea", now=NOON)

    assert labels(session, answer) == []


def test_two_people_who_name_the_same_module_agree(session, answer):
    correct(session, answer, "ana", "shop.cart")
    correct(session, answer, "bo", "shop.cart")

    assert sorted(labels(session, answer)) == [("ana", "shop.cart"), ("bo", "shop.cart")]


def test_agreement_is_found_across_askings_of_the_same_question(session, answer):
    again = make_answer(session, make_question(session, "Where is  VAT added"))
    correct(session, answer, "ana", "shop.cart")
    correct(session, again, "bo", "shop.cart")

    assert sorted(labels(session, answer)) == [("ana", "shop.cart"), ("bo", "shop.cart")]


def test_one_person_twice_is_no_agreement(session, answer):
    again = make_answer(session, make_question(session))
    correct(session, answer, "ana", "shop.cart")
    correct(session, again, "ana", "shop.cart")

    assert labels(session, answer) == []


def test_contradictions_wait_for_a_review(session, answer):
    correct(session, answer, "ana", "shop.cart")
    correct(session, answer, "bo", "shop.cart")
    third = correct(session, answer, "cy", "shop.mail")
    before = labels(session, answer)
    store.review_vote(session, third.id, reviewed="confirmed", reviewer="lea", now=NOON)

    assert before == []
    assert labels(session, answer) == [("cy", "shop.mail")]


def test_votes_without_a_module_are_no_labels(session, answer):
    for person in ("ana", "bo", "cy"):
        store.cast_vote(session, answer_id=answer.id, person=person, value=1, now=NOON)

    assert labels(session, answer) == []


def test_a_changed_correction_is_open_for_review_again(session, answer):
    vote = correct(session, answer, "ana", "shop.cart")
    store.review_vote(session, vote.id, reviewed="confirmed", reviewer="lea", now=NOON)
    correct(session, answer, "ana", "shop.mail")

    assert [(found.id, found.module) for found, _ in store.votes_to_review(session)] == [(vote.id, "shop.mail")]
    assert labels(session, answer) == []


def test_repeating_a_confirmed_correction_does_not_open_it_again(session, answer):
    vote = correct(session, answer, "ana", "shop.cart")
    store.review_vote(session, vote.id, reviewed="confirmed", reviewer="lea", now=NOON)
    correct(session, answer, "ana", "shop.cart", now=NOON + timedelta(minutes=1))

    assert labels(session, answer) == [("ana", "shop.cart")]


def test_feedback_of_another_repository_stays_there(session, answer):
    correct(session, answer, "ana", "shop.cart")
    correct(session, answer, "bo", "shop.cart")
    other = store.add_repository(session, name="other", location="/other")

    assert store.confirmed_feedback(session, other.id) == []


def judgements(session, answer):
    question = store.question(session, answer.question_id)
    rows = store.trusted_judgements(session, question.repository_id)
    return [(row.shown, row.value, row.module) for row in rows]


def vote(session, answer, person, value):
    return store.cast_vote(session, answer_id=answer.id, person=person, value=value, now=NOON)


@pytest.mark.parametrize("value", [1, -1])
def test_a_bare_vote_is_trusted_when_two_people_agree_across_askings(session, answer, value):
    again = make_answer(session, make_question(session, "Where is  VAT added"))
    vote(session, answer, "ana", value)
    alone = judgements(session, answer)
    vote(session, again, "bo", value)

    assert alone == []
    assert judgements(session, answer) == [("shop.billing", value, None)]


def test_one_person_who_votes_often_and_people_who_disagree_are_not_trusted(session, answer):
    again = make_answer(session, make_question(session))
    vote(session, answer, "ana", -1)
    vote(session, again, "ana", -1)
    often = judgements(session, answer)
    vote(session, answer, "bo", 1)

    assert often == judgements(session, answer) == []


def test_a_confirmed_correction_is_trusted_against_others_and_names_the_right_module(session, answer):
    correction = correct(session, answer, "ana", "shop.cart")
    vote(session, answer, "bo", 1)
    store.review_vote(session, correction.id, reviewed="confirmed", reviewer="lea", now=NOON)

    assert judgements(session, answer) == [("shop.billing", -1, "shop.cart")]


def test_rejected_votes_and_deleted_questions_are_not_trusted(session, answer):
    for person in ("ana", "bo"):
        rejected = correct(session, answer, person, "shop.cart")
        store.review_vote(session, rejected.id, reviewed="rejected", reviewer="lea", now=NOON)
    deleted = make_answer(session, make_question(session, ""))
    for person in ("ana", "bo"):
        vote(session, deleted, person, 1)

    assert judgements(session, answer) == []


def test_two_corrections_that_disagree_make_the_shown_module_wrong_and_none_right(session, answer):
    correct(session, answer, "ana", "shop.cart")
    correct(session, answer, "bo", "shop.mail")

    assert judgements(session, answer) == [("shop.billing", -1, None)]
