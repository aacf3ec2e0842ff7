"""What a provider that throttles allows, whether others were accepted beside a refusal, and a message's own budget of refusals."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_MOMENTS = ("suspected_at", "accepted_at", "pace_at", "held_until", "throttled_at")
_RATES = ("pace", "pace_steady", "pace_ceiling")


def upgrade() -> None:
    for name in _MOMENTS:
        op.add_column("provider_state", sa.Column(name, sa.DateTime(timezone=True)))
    for name in _RATES:
        op.add_column("provider_state", sa.Column(name, sa.Double()))
    op.add_column("provider_state", sa.Column("throttled", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("provider_state", sa.Column("held_reason", sa.String(length=200)))
    op.add_column("message", sa.Column("own_refusals", sa.SmallInteger(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    op.drop_column("message", "own_refusals")
    for name in (*_MOMENTS, *_RATES, "throttled", "held_reason"):
        op.drop_column("provider_state", name)
