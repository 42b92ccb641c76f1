"""
Conversations: follow-ups and withdrawn questions, what was wrong with an answer, and messages beside answers.

Why `questions.said`: a follow-up is answered together with the turns before it, so `text` holds what
reached the ranker and `said` what was written in this turn. Why `notices`: everything the bot
tells people besides answers must survive a crash and be said once, so it is written down before it is said.

Revision ID: 0002
"""

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Moment = partial(sa.DateTime, timezone=True)


def upgrade() -> None:
    """
    Add the columns and the tables.
    """
    op.add_column("questions", sa.Column("said", sa.Text(), nullable=True))
    op.add_column("questions", sa.Column("surface", sa.String(length=20), nullable=True))
    op.add_column("questions", sa.Column("withdrawn_at", Moment(), nullable=True))
    op.add_column("votes", sa.Column("wrong", sa.String(length=30), nullable=True))
    op.add_column("votes", sa.Column("trust", sa.String(length=10), nullable=False, server_default="normal"))
    op.create_table(
        "candidate_votes",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("answer_id", sa.String(length=32), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name="fk_candidate_votes_answer_id_answers"),
        sa.PrimaryKeyConstraint("id", name="pk_candidate_votes"),
        sa.UniqueConstraint("answer_id", "person", "module", name="uq_candidate_votes_answer_id_person_module"),
    )
    op.create_table(
        "training_corrections",
        sa.Column("training_id", sa.String(length=32), nullable=False),
        sa.Column("vote_id", sa.String(length=32), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["training_id"], ["trainings.id"], name="fk_training_corrections_training_id_trainings"
        ),
        sa.PrimaryKeyConstraint("training_id", "vote_id", name="pk_training_corrections"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("team", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=True),
        sa.Column("thread_ts", sa.String(length=64), nullable=True),
        sa.Column("ts", sa.String(length=64), nullable=True),
        sa.Column("question_id", sa.String(length=32), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name="fk_notices_question_id_questions"),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("key", name="uq_notices_key"),
    )
    op.create_index("ix_notices_question_id", "notices", ["question_id"])


def downgrade() -> None:
    """
    Take them away again.
    """
    for name in ("notices", "training_corrections", "candidate_votes"):
        op.drop_table(name)
    for table, column in (
        ("votes", "trust"),
        ("votes", "wrong"),
        ("questions", "withdrawn_at"),
        ("questions", "surface"),
        ("questions", "said"),
    ):
        op.drop_column(table, column)
