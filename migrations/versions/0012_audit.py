"""The audit log, and an index for counting a user's test messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# As the owner of the tables: the functions' own role may add events, and neither change nor remove them.
_DROP = """
CREATE FUNCTION drop_old_audit_events(before timestamptz) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  WITH dropped AS (DELETE FROM audit_event WHERE at < least(before, now() - interval '30 days') RETURNING 1) SELECT count(*) FROM dropped
$$
"""


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("username", sa.String(length=150), server_default=sa.text("''"), nullable=False),
        sa.Column("token_id", sa.BigInteger()),
        sa.Column("address", sa.String(length=64), server_default=sa.text("''"), nullable=False),
        sa.Column("details", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_event"),
    )
    op.create_index("ix_audit_event_at", "audit_event", ["at"])
    op.create_index("ix_audit_event_address_at", "audit_event", ["address", "at"])
    op.create_index("ix_audit_event_user_id_id", "audit_event", ["user_id", "id"])
    op.create_index("ix_audit_event_event_id", "audit_event", ["event", "id"])
    op.create_index("ix_history_test_sends", "history", ["user_id", "at"], postgresql_where=sa.text("action = 'test_send'"))
    op.execute(_DROP)


def downgrade() -> None:
    op.execute("DROP FUNCTION drop_old_audit_events(timestamptz)")
    op.drop_index("ix_history_test_sends", "history")
    op.drop_table("audit_event")
