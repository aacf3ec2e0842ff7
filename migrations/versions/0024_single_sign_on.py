"""Single sign-on: which user is whom at the OpenID Connect provider, and which states were used."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    user = sa.ForeignKey("user.id", name="fk_sign_on_identity_user_id_user", ondelete="CASCADE")
    op.create_table(
        "sign_on_identity",
        sa.Column("user_id", sa.BigInteger(), user, autoincrement=False, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("claim", sa.String(length=254)),
        sa.Column("subject", sa.String(length=255)),
        sa.Column("linked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("user_id", name="pk_sign_on_identity"),
        sa.UniqueConstraint("issuer", "claim", name="uq_sign_on_identity_issuer_claim"),
        sa.UniqueConstraint("issuer", "subject", name="uq_sign_on_identity_issuer_subject"),
        sa.CheckConstraint("claim IS NOT NULL OR subject IS NOT NULL", name="ck_sign_on_identity_known_by_something"),
    )
    op.create_table(
        "sign_on_state",
        sa.Column("state_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("state_sha256", name="pk_sign_on_state"),
    )


def downgrade() -> None:
    op.drop_table("sign_on_state")
    op.drop_table("sign_on_identity")
