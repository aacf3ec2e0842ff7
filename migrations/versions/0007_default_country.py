"""The country of phones that a user types without +."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user", sa.Column("default_country", sa.String(length=2)))


def downgrade() -> None:
    op.drop_column("user", "default_country")
