"""Second factors: secrets of authenticator apps, and hashes of recovery codes."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    user = sa.ForeignKey("user.id", name="fk_second_factor_user_id_user", ondelete="CASCADE")
    op.create_table(
        "second_factor",
        sa.Column("user_id", sa.BigInteger(), user, autoincrement=False, nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("last_step", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_second_factor"),
    )
    user = sa.ForeignKey("user.id", name="fk_recovery_code_user_id_user", ondelete="CASCADE")
    op.create_table(
        "recovery_code",
        sa.Column("user_id", sa.BigInteger(), user, nullable=False),
        sa.Column("code_sha256", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "code_sha256", name="pk_recovery_code"),
    )


def downgrade() -> None:
    op.drop_table("recovery_code")
    op.drop_table("second_factor")
