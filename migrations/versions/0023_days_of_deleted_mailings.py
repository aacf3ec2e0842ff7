"""When the messages of deleted mailings were sent, for the dashboard's days: by quarter of an hour, as time zones differ by these."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deleted_period",
        sa.Column(
            "owner_id", sa.BigInteger(), sa.ForeignKey("user.id", ondelete="CASCADE", name="fk_deleted_period_owner_id_user")
        ),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "begins_at", "status", name="pk_deleted_period"),
    )


def downgrade() -> None:
    op.drop_table("deleted_period")
