"""Several providers: an account each, and for each mailing the order in which they are tried."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("url", sa.String(length=200), nullable=False, server_default=sa.text("''")),
        sa.Column("sender", sa.String(length=100), nullable=False, server_default=sa.text("''")),
        sa.Column("options", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("honours_key", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("rate", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("enabled", sa.Boolean(), nullable=False, server_default=sa.text("true")),
        sa.Column("position", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("environment", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name="pk_provider"),
        sa.UniqueConstraint("name", name="uq_provider_name"),
        sa.CheckConstraint("rate >= 0", name="ck_provider_rate"),
    )
    op.add_column(
        "mailing",
        sa.Column("providers", postgresql.ARRAY(sa.Text()), nullable=False, server_default=sa.text("'{}'")),
    )


def downgrade() -> None:
    op.drop_column("mailing", "providers")
    op.drop_table("provider")
