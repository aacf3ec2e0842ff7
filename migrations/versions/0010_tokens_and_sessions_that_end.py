"""Tokens end with what they were made with, sessions when they are not used, and their user can tell them apart."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = postgresql.TIMESTAMP(timezone=True)
    op.add_column("session", sa.Column("last_used_at", moment, server_default=sa.text("now()"), nullable=False))
    op.add_column("session", sa.Column("address", sa.String(45), server_default=sa.text("''"), nullable=False))
    op.add_column("session", sa.Column("user_agent", sa.String(200), server_default=sa.text("''"), nullable=False))
    for column, target in (("parent_id", "api_token"), ("session_id", "session")):
        op.add_column("api_token", sa.Column(column, sa.BigInteger(), nullable=True))
        name = op.f(f"fk_api_token_{column}_{target}")
        op.create_foreign_key(name, "api_token", target, [column], ["id"], ondelete="CASCADE")
        op.create_index(op.f(f"ix_api_token_{column}"), "api_token", [column])


def downgrade() -> None:
    op.execute("DELETE FROM api_token WHERE session_id IS NOT NULL")
    for column, target in (("session_id", "session"), ("parent_id", "api_token")):
        op.drop_constraint(op.f(f"fk_api_token_{column}_{target}"), "api_token")
        op.drop_index(op.f(f"ix_api_token_{column}"), "api_token")
        op.drop_column("api_token", column)
    for column in ("user_agent", "address", "last_used_at"):
        op.drop_column("session", column)
