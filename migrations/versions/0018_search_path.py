"""Functions that run as the owner of the tables look for tables in their own schema first, and not in temporary ones.

Without pg_temp at the end of the path, PostgreSQL looks there first: a role that may only add rows could put a table of its own, with a
trigger of its own, in the place of one of ours, and have the trigger run as the owner.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

FUNCTIONS = (
    "drop_old_audit_events(timestamptz)",
    "erasure_key()",
    "erased_token(text)",
    "recognise_erased_phones()",
    "erase_history(bigint, bigint[], text[])",
)


def upgrade() -> None:
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    for function in FUNCTIONS:
        op.execute(f"ALTER FUNCTION {function} SET search_path = {schema}, pg_temp")


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"ALTER FUNCTION {function} SET search_path FROM CURRENT")
