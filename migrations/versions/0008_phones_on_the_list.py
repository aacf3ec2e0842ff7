"""Phones of earlier versions with a trunk prefix (`+789121234567`): counted, and the do-not-contact list made to hold for them.

Nothing is merged or rewritten here: `python -m chalicelib.manage check-phones` reports what would change, and changes it with `--apply`.
"""

import json
from collections.abc import Iterator

import phonenumbers
import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SLICE = 10_000
# A phone on an owner's list bars its canonical form, and every client of the owner that is stored in another form of it.
_ADD = sa.text(
    """
    INSERT INTO do_not_contact (owner_id, phone, reason)
    SELECT d.owner_id, pair.added, d.reason
    FROM jsonb_to_recordset(CAST(:pairs AS jsonb)) AS pair (owner_id bigint, listed text, added text)
    JOIN do_not_contact d ON d.owner_id = pair.owner_id AND d.phone = pair.listed
    ON CONFLICT (owner_id, phone) DO NOTHING
    """
)


def upgrade() -> None:
    connection = op.get_bind()
    listed = list(_wrong(connection, "SELECT id, owner_id, phone FROM do_not_contact WHERE id > :after ORDER BY id LIMIT :size"))
    added = _put(connection, [(owner, wrong, canonical) for owner, wrong, canonical in listed])
    clients = list(_wrong(connection, "SELECT id, owner_id, phone FROM client WHERE id > :after ORDER BY id LIMIT :size"))
    added += _put(connection, [(owner, canonical, wrong) for owner, wrong, canonical in clients])
    if listed or clients:
        print(  # noqa: T201 - for whoever migrates
            f"phones stored with a trunk prefix: {len(clients)} clients, {len(listed)} do-not-contact entries; {added} entries were"
            " added, so that the list holds for both forms. Report: python -m chalicelib.manage check-phones"
        )


def downgrade() -> None:
    """The entries stay: they only bar phones that were on the list anyway."""


def _wrong(connection: sa.Connection, statement: str) -> Iterator[tuple[int, str, str]]:
    after = 0
    while rows := connection.execute(sa.text(statement), {"after": after, "size": _SLICE}).all():
        for row in rows:
            canonical = _canonical(row.phone)
            if canonical not in (None, row.phone):
                yield row.owner_id, row.phone, str(canonical)
        after = rows[-1].id


def _canonical(phone: str) -> str | None:
    try:
        return phonenumbers.format_number(phonenumbers.parse(phone), phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        return None


def _put(connection: sa.Connection, pairs: list[tuple[int, str, str]]) -> int:
    rows = [{"owner_id": owner, "listed": listed, "added": added} for owner, listed, added in pairs]
    return connection.execute(_ADD, {"pairs": json.dumps(rows)}).rowcount if rows else 0
