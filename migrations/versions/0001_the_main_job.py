"""The main job: users, tokens, clients, mailings with their zones, messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1), nullable=False),
        sa.Column("username", sa.String(length=150), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("is_superuser", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
    )
    op.create_index("uq_user_username_lower", "user", [sa.literal_column("lower(username)")], unique=True)
    op.create_table(
        "api_token",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=40), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_api_token_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
    )
    op.create_index(op.f("ix_api_token_user_id"), "api_token", ["user_id"], unique=False)
    op.create_table(
        "client",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("phone", sa.String(length=16), nullable=False),
        sa.Column("operator_code", sa.String(length=10), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name=op.f("fk_client_owner_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client")),
        sa.UniqueConstraint("owner_id", "phone", name=op.f("uq_client_owner_id_phone")),
    )
    op.create_index("ix_client_owner_id_id", "client", ["owner_id", "id"], unique=False)
    op.create_index("ix_client_owner_id_time_zone_id", "client", ["owner_id", "time_zone", "id"], unique=False)
    op.create_table(
        "mailing",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("filter_operator_codes", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("filter_tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("starts_at", postgresql.TIMESTAMP(), nullable=False),
        sa.Column("ends_at", postgresql.TIMESTAMP(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.Column("send_from", sa.Time(), nullable=True),
        sa.Column("send_until", sa.Time(), nullable=True),
        sa.Column("rate_limit", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("next_run_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("schedule_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("run_lease_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("start_now_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("started_by", sa.String(length=16), nullable=True),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("final_counts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("started_by IN ('schedule', 'reconcile', 'api', 'chain')", name=op.f("ck_mailing_started_by")),
        sa.CheckConstraint(
            "status IN ('draft', 'scheduled', 'running', 'paused', 'finished', 'cancelled')", name=op.f("ck_mailing_status")
        ),
        sa.CheckConstraint("(send_from IS NULL) = (send_until IS NULL)", name=op.f("ck_mailing_sending_hours")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_mailing_ends_after_start")),
        sa.CheckConstraint("rate_limit > 0", name=op.f("ck_mailing_rate_limit")),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name=op.f("fk_mailing_owner_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailing")),
    )
    op.create_index(
        "ix_mailing_next_run_at", "mailing", ["next_run_at"], unique=False, postgresql_where=sa.text("next_run_at IS NOT NULL")
    )
    op.create_index("ix_mailing_owner_id_id", "mailing", ["owner_id", "id"], unique=False)
    op.create_table(
        "mailing_zone",
        sa.Column("mailing_id", sa.BigInteger(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("opens_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("closes_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cursor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("planned_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_mailing_zone_mailing_id_mailing"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mailing_id", "time_zone", name=op.f("pk_mailing_zone")),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1), nullable=False),
        sa.Column("mailing_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=True),
        sa.Column("phone", sa.String(length=16), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("not_before", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("dispatched_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("claim_no", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("unknown", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("error_code", sa.String(length=32), nullable=True),
        sa.Column("error_detail", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("status BETWEEN 1 AND 5", name=op.f("ck_message_status")),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_message_client_id_client"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"], name=op.f("fk_message_mailing_id_mailing"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("mailing_id", "client_id", name=op.f("uq_message_mailing_id_client_id")),
        sa.UniqueConstraint("mailing_id", "phone", name=op.f("uq_message_mailing_id_phone")),
    )
    op.create_index("ix_message_client_id", "message", ["client_id"], unique=False)
    op.create_index(
        "ix_message_dispatched",
        "message",
        ["mailing_id", "dispatched_at"],
        unique=False,
        postgresql_where=sa.text("status = 1 AND dispatched_at IS NOT NULL"),
    )
    op.create_index("ix_message_mailing_id_status_id", "message", ["mailing_id", "status", "id"], unique=False)
    op.create_index("ix_message_owner_id_id", "message", ["owner_id", "id"], unique=False)
    op.create_index(
        "ix_message_undispatched",
        "message",
        ["mailing_id", "time_zone", "not_before", "id"],
        unique=False,
        postgresql_where=sa.text("status = 1 AND dispatched_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_message_undispatched", table_name="message", postgresql_where=sa.text("status = 1 AND dispatched_at IS NULL")
    )
    op.drop_index("ix_message_owner_id_id", table_name="message")
    op.drop_index("ix_message_mailing_id_status_id", table_name="message")
    op.drop_index(
        "ix_message_dispatched", table_name="message", postgresql_where=sa.text("status = 1 AND dispatched_at IS NOT NULL")
    )
    op.drop_index("ix_message_client_id", table_name="message")
    op.drop_table("message")
    op.drop_table("mailing_zone")
    op.drop_index("ix_mailing_owner_id_id", table_name="mailing")
    op.drop_index("ix_mailing_next_run_at", table_name="mailing", postgresql_where=sa.text("next_run_at IS NOT NULL"))
    op.drop_table("mailing")
    op.drop_index("ix_client_owner_id_time_zone_id", table_name="client")
    op.drop_index("ix_client_owner_id_id", table_name="client")
    op.drop_table("client")
    op.drop_index(op.f("ix_api_token_user_id"), table_name="api_token")
    op.drop_table("api_token")
    op.drop_index("uq_user_username_lower", table_name="user")
    op.drop_table("user")
