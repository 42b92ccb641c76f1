"""
Whether a question looked like one about the code, which the ranker knows and whoever draws an answer needs.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """
    Add the column. Of earlier answers nobody knows; they stay as they were shown.
    """
    op.add_column("answers", sa.Column("off_topic", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """
    Remove it.
    """
    op.drop_column("answers", "off_topic")
