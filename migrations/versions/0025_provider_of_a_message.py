"""Which provider a message was handed to, its id there, and the number of SMS that the provider counted."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("provider", sa.String(length=64)))
    op.add_column("message", sa.Column("provider_reference", sa.String(length=100)))
    op.add_column("message", sa.Column("segments", sa.SmallInteger()))


def downgrade() -> None:
    op.drop_column("message", "segments")
    op.drop_column("message", "provider_reference")
    op.drop_column("message", "provider")
