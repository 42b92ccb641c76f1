"""
What Slack's admins and channels decide, and the workspaces that installed the app.

Why `reindexings` are not trainings: the schedule
and the dashboard count trainings, and looking at a commit is none.

Revision ID: 0003
"""

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Moment = partial(sa.DateTime, timezone=True)

_OPEN = sa.text("state IN ('queued', 'running')")


def upgrade() -> None:
    """
    Make the five tables.
    """
    op.create_table(
        "channel_settings",
        sa.Column("team", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("repository_id", sa.String(length=32)),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("votes_hidden", sa.Boolean(), nullable=False),
        sa.Column("listens", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=20)),
        sa.Column("changed_by", sa.String(length=200), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name="fk_channel_settings_repository_id_repositories"
        ),
        sa.PrimaryKeyConstraint("team", "channel", name="pk_channel_settings"),
    )
    op.create_table(
        "person_settings",
        sa.Column("team", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("repository_id", sa.String(length=32)),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name="fk_person_settings_repository_id_repositories"
        ),
        sa.PrimaryKeyConstraint("team", "person", name="pk_person_settings"),
    )
    op.create_table(
        "reindexings",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("repository_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("requested_by", sa.String(length=200), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("started_at", Moment()),
        sa.Column("finished_at", Moment()),
        sa.Column("claimed_by", sa.String(length=200)),
        sa.Column("claimed_until", Moment()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name="fk_reindexings_repository_id_repositories"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reindexings"),
    )
    op.create_index("ix_reindexings_repository_id", "reindexings", ["repository_id"])
    op.create_index(
        "uq_reindexings_open",
        "reindexings",
        ["repository_id"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_table(
        "installations",
        sa.Column("team", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("bot_user", sa.String(length=64), nullable=False),
        sa.Column("bot_id", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("sealed_token", sa.Text(), nullable=False),
        sa.Column("installed_by", sa.String(length=200), nullable=False),
        sa.Column("installed_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("team", name="pk_installations"),
    )
    op.create_table(
        "install_states",
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name="pk_install_states"),
    )


def downgrade() -> None:
    """
    Remove them; the workspaces have to install the app again.
    """
    for name in ("install_states", "installations", "reindexings", "person_settings", "channel_settings"):
        op.drop_table(name)
