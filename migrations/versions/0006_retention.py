"""The phone on finished messages may be cleared."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("message", "phone", existing_type=sa.String(length=16), nullable=True)
    op.add_column("mailing", sa.Column("phones_cleared_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_mailing_phones_kept",
        "mailing",
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL AND phones_cleared_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_mailing_phones_kept", "mailing")
    op.drop_column("mailing", "phones_cleared_at")
    op.execute("UPDATE message SET phone = 'cleared ' || to_hex(id) WHERE phone IS NULL")
    op.alter_column("message", "phone", existing_type=sa.String(length=16), nullable=False)
