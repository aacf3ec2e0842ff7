"""The trail of a message: its calls that were not accepted at the first try, and when it was last attempted."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("attempted_at", sa.DateTime(timezone=True)))
    op.create_table(
        "message_call",
        sa.Column("mailing_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("claim_no", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("error_code", sa.String(length=32)),
        sa.Column("detail", sa.String(length=200)),
        sa.Column("milliseconds", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_message_call_mailing_id_mailing"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mailing_id", "message_id", "slot", name=op.f("pk_message_call")),
    )


def downgrade() -> None:
    op.drop_table("message_call")
    op.drop_column("message", "attempted_at")
