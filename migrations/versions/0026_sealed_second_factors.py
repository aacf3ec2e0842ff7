"""Room for sealed secrets of authenticator apps; `manage migrate` seals them after this."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("second_factor", "secret", type_=sa.String(length=255), existing_nullable=False)


def downgrade() -> None:
    # A sealed secret fits in no shorter column, and the code before this could not read it: who has one sets it up anew.
    op.execute("DELETE FROM second_factor WHERE length(secret) > 64")
    op.alter_column("second_factor", "secret", type_=sa.String(length=64), existing_nullable=False)
