"""The deletion of all clients goes on in the background: up to which client somebody asked for it."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clients_deletion",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("through_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_clients_deletion"),
        sa.CheckConstraint("id = 1", name="ck_clients_deletion_one"),
    )


def downgrade() -> None:
    op.drop_table("clients_deletion")
