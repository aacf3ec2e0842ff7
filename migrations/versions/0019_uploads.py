"""Files that are being imported, and what each user chose for their columns."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user", sa.Column("import_columns", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False))
    op.create_table(
        "upload",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("header", postgresql.JSONB()),
        sa.Column("rows", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("blank", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sheet", sa.Text()),
        sa.Column("options", postgresql.JSONB()),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_upload_user_id_user"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name=op.f("fk_upload_owner_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    op.create_index(op.f("ix_upload_created_at"), "upload", ["created_at"])
    _table("upload_part", sa.Column("position", sa.Integer()), sa.Column("body", sa.LargeBinary(), nullable=False))
    _table(
        "upload_chunk",
        sa.Column("position", sa.Integer()),
        sa.Column("rows", postgresql.JSONB(), nullable=False),
        sa.Column("preview", postgresql.JSONB()),
        sa.Column("result", postgresql.JSONB()),
    )
    _table("upload_phone", sa.Column("phone", sa.String(length=16)), sa.Column("row", sa.Integer(), nullable=False))


def _table(name: str, key: sa.Column[object], *columns: sa.Column[object]) -> None:
    """A table of what belongs to an upload, with a key beside the upload's."""
    key.nullable = False
    op.create_table(
        name,
        sa.Column("upload_id", sa.BigInteger(), nullable=False),
        key,
        *columns,
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f(f"fk_{name}_upload_id_upload"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("upload_id", key.name, name=op.f(f"pk_{name}")),
    )


def downgrade() -> None:
    for name in ("upload_phone", "upload_chunk", "upload_part", "upload"):
        op.drop_table(name)
    op.drop_column("user", "import_columns")
