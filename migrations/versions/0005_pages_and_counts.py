"""Every page and every count from an index; one index less for each message that is planned."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_VISIBLE = sa.text("deleted_at IS NULL")


def upgrade() -> None:
    op.alter_column("client", "phone", type_=sa.String(length=16, collation="C"), existing_nullable=False)
    op.create_index("ix_client_owner_id_operator_code_id", "client", ["owner_id", "operator_code", "id"])
    op.create_index("ix_client_tags", "client", ["tags"], postgresql_using="gin")
    op.drop_constraint(op.f("uq_message_mailing_id_client_id"), "message")
    op.create_unique_constraint(op.f("uq_message_client_id_mailing_id"), "message", ["client_id", "mailing_id"])
    op.drop_index("ix_message_client_id", "message")
    op.drop_index("ix_message_owner_id_id", "message")
    op.create_index("ix_message_owner_id_status_id", "message", ["owner_id", "status", "id"], postgresql_where=_VISIBLE)
    op.drop_index("ix_message_mailing_id_status_id", "message")
    op.create_index("ix_message_mailing_id_status_id", "message", ["mailing_id", "status", "id"], postgresql_where=_VISIBLE)


def downgrade() -> None:
    op.drop_index("ix_message_mailing_id_status_id", "message")
    op.create_index("ix_message_mailing_id_status_id", "message", ["mailing_id", "status", "id"])
    op.drop_index("ix_message_owner_id_status_id", "message")
    op.create_index("ix_message_owner_id_id", "message", ["owner_id", "id"])
    op.create_index("ix_message_client_id", "message", ["client_id"])
    op.drop_constraint(op.f("uq_message_client_id_mailing_id"), "message")
    op.create_unique_constraint(op.f("uq_message_mailing_id_client_id"), "message", ["mailing_id", "client_id"])
    op.drop_index("ix_client_tags", "client")
    op.drop_index("ix_client_owner_id_operator_code_id", "client")
    op.alter_column("client", "phone", type_=sa.String(length=16), existing_nullable=False)
