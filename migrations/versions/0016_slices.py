"""Retrying and deleting large mailings goes on in slices."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mailing", sa.Column("retrying_since", sa.DateTime(timezone=True)))
    op.add_column("mailing", sa.Column("retry_cursor", sa.BigInteger()))
    op.add_column("mailing", sa.Column("deleting_since", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_mailing_deleting", "mailing", ["id"], unique=False, postgresql_where=sa.text("deleting_since IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_mailing_deleting", "mailing")
    op.drop_column("mailing", "deleting_since")
    op.drop_column("mailing", "retry_cursor")
    op.drop_column("mailing", "retrying_since")
