"""What deleted mailings had sent, by owner and status: it stays in the statistics."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deleted_total",
        sa.Column(
            "owner_id", sa.BigInteger(), sa.ForeignKey("user.id", ondelete="CASCADE", name="fk_deleted_total_owner_id_user")
        ),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "status", name="pk_deleted_total"),
    )


def downgrade() -> None:
    op.drop_table("deleted_total")
