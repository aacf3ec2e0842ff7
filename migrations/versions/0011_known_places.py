"""Places from which users have logged in before."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_place",
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("place", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", "place", name="pk_known_place"),
    )
    op.create_index("ix_known_place_seen_at", "known_place", ["seen_at"])


def downgrade() -> None:
    op.drop_table("known_place")
