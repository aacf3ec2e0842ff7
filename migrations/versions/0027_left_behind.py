"""Messages that deleted clients left behind are found without reading the others of their mailing."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_message_left_behind")
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_message_left_behind ON message (mailing_id)"
            " WHERE client_id IS NULL AND phone IS NOT NULL"
        )


def downgrade() -> None:
    op.drop_index("ix_message_left_behind", "message")
