"""Queries of the check of stored phones: read in slices by id, corrected one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Engine, text

from chalicelib.storage.engine import autocommit

Table = Literal["client", "do_not_contact", "message"]
TABLES: tuple[Table, ...] = ("do_not_contact", "message", "client")
_SLICE = 10_000


@dataclass(frozen=True, slots=True)
class StoredPhone:
    """A phone as a table has it. `scope` is what it is unique in: an owner, or for messages a mailing."""

    id: int
    scope: int
    phone: str


# What an erased person left of a phone begins with #, and is none.
_READ = {
    "client": text("SELECT id, owner_id, phone FROM client WHERE id > :after ORDER BY id LIMIT :size"),
    "do_not_contact": text(
        "SELECT id, owner_id, phone FROM do_not_contact WHERE id > :after AND phone LIKE '+%' ORDER BY id LIMIT :size"
    ),
    "message": text("SELECT id, mailing_id, phone FROM message WHERE id > :after AND phone LIKE '+%' ORDER BY id LIMIT :size"),
}
_OTHER = {
    "client": text("SELECT id FROM client WHERE owner_id = :scope AND phone = :phone"),
    "do_not_contact": text("SELECT id FROM do_not_contact WHERE owner_id = :scope AND phone = :phone"),
    "message": text("SELECT id FROM message WHERE mailing_id = :scope AND phone = :phone"),
}
# A message that was called and still waits may be called again under its key: its phone is part of what the key stands for. Nor is its
# client corrected before it: deleted and imported again, that client would be a new one to the mailing.
_CORRECT = {
    "client": text(
        """
        UPDATE client SET phone = :new WHERE id = :id AND phone = :old AND NOT EXISTS (
          SELECT 1 FROM message m WHERE m.client_id = client.id AND m.phone = :old
            AND NOT EXISTS (SELECT 1 FROM message o WHERE o.mailing_id = m.mailing_id AND o.phone = :new)
        ) RETURNING owner_id
        """
    ),
    "do_not_contact": text("UPDATE do_not_contact SET phone = :new WHERE id = :id AND phone = :old RETURNING owner_id"),
    "message": text(
        "UPDATE message SET phone = :new WHERE id = :id AND phone = :old AND (status <> 1 OR claim_no = 0) RETURNING owner_id"
    ),
}


def read(source: Engine, table: Table) -> Iterator[StoredPhone]:
    """Every phone of a table."""
    after = 0
    while True:
        with autocommit(source) as connection:
            rows = [StoredPhone(*row) for row in connection.execute(_READ[table], {"after": after, "size": _SLICE})]
        if not rows:
            return
        yield from rows
        after = rows[-1].id


def other(connection: Connection, table: Table, scope: int, phone: str) -> int | None:
    """The row that has this phone in the same scope."""
    found: int | None = connection.execute(_OTHER[table], {"scope": scope, "phone": phone}).scalar_one_or_none()
    return found


def correct(connection: Connection, table: Table, row: StoredPhone, phone: str) -> int | None:
    """Writes the phone of a row, unless the row has changed or must not; returns its owner. A taken phone is a unique violation."""
    found: int | None = connection.execute(_CORRECT[table], {"id": row.id, "old": row.phone, "new": phone}).scalar_one_or_none()
    return found
