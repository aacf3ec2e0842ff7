"""Which rows of mailingAPI were imported as which of ours."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "original_row",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("original_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "original_id", name=op.f("pk_original_row")),
    )


def downgrade() -> None:
    op.drop_table("original_row")
