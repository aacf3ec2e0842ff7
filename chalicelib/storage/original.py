"""The original's tables, read; and which of their rows were imported already.

The original is a Django project: its models `Client`, `Mailing` and `Message` are in one app, its users in `auth_user`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, column, func, insert, select, table, text
from sqlalchemy.dialects.postgresql import insert as insert_or_nothing

from chalicelib.storage.models import OriginalRow
from chalicelib.storage.paging import AnyRow

PAGE: Final = 2_000
COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "user": ("id", "username", "is_superuser", "is_active"),
    "client": ("id", "phone_number", "operator_code", "tag", "time_zone", "user_id"),
    "mailing": (
        "id",
        "date_time_start_sending",
        "date_time_end_sending",
        "text",
        "filter_operator_code",
        "filter_tag",
        "active",
        "user_id",
    ),
    "message": ("id", "date_time_of_dispatch", "status", "mailing_id", "client_id"),
}
_FOUND = text(
    "SELECT table_name, column_name FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND table_name = ANY(CAST(:tables AS text[]))"
)


@dataclass(frozen=True, slots=True)
class OriginalTables:
    """What the original's tables are called: Django names them `app_model`."""

    app: str = "management"
    users: str = "auth_user"

    def name(self, kind: str) -> str:
        """The table of this kind of row."""
        return self.users if kind == "user" else f"{self.app}_{kind}"


def missing(connection: Connection, tables: OriginalTables) -> list[str]:
    """Columns that the database lacks, as `table.column`."""
    rows = connection.execute(_FOUND, {"tables": [tables.name(kind) for kind in COLUMNS]})
    there = {f"{name}.{each}" for name, each in rows}
    return [
        f"{tables.name(kind)}.{each}"
        for kind, names in COLUMNS.items()
        for each in names
        if f"{tables.name(kind)}.{each}" not in there
    ]


def rows(connection: Connection, tables: OriginalTables, kind: str) -> Iterator[list[AnyRow]]:
    """All rows of a kind, a page at a time, in the order of their ids."""
    source = table(tables.name(kind), *(column(name) for name in COLUMNS[kind]))
    last = -1
    while True:
        page = list(connection.execute(select(*source.c).where(source.c.id > last).order_by(source.c.id).limit(PAGE)))
        if not page:
            return
        yield page
        last = page[-1].id


def highest_message_id(connection: Connection, tables: OriginalTables) -> int:
    """The highest id that the provider may have seen as a message's key."""
    source = table(tables.name("message"), column("id"))
    return int(connection.execute(select(func.coalesce(func.max(source.c.id), 0))).scalar_one())


def imported(connection: Connection, kind: str) -> dict[int, int]:
    """Which row became which of ours."""
    wanted = select(OriginalRow.original_id, OriginalRow.row_id).where(OriginalRow.kind == kind)
    return {row[0]: row[1] for row in connection.execute(wanted)}


def remember(connection: Connection, kind: str, pairs: Mapping[int, int]) -> None:
    """Write down which rows became which of ours, so that another import leaves them alone."""
    values = [{"kind": kind, "original_id": old, "row_id": new} for old, new in pairs.items()]
    if values:
        connection.execute(insert_or_nothing(OriginalRow).on_conflict_do_nothing(), values)


def add_all(connection: Connection, model: Any, values: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert rows and return their ids, in the order of `values`."""
    if not values:
        return []
    made = insert(model).returning(model.id, sort_by_parameter_order=True)
    return list(connection.execute(made, list(values)).scalars())


# A row of ours that waits still and was never claimed, while the original has sent it since.
_SETTLE = text(
    """
    UPDATE message SET status = :status, claim_no = 1, sent_at = :sent_at, attempts = 1, error_code = :error_code,
      error_detail = :error_detail, phone = CASE WHEN :keeps_phone THEN phone END
    WHERE id = :id AND status = 1 AND claim_no = 0
    """
)


def settle(connection: Connection, message_id: int, values: Mapping[str, Any]) -> bool:
    """Give a message that waits the end that the original gave it meanwhile; False if it is none that waits."""
    return bool(connection.execute(_SETTLE, {"id": message_id, **values}).rowcount)


_SKIP_IDS = text(
    "SELECT setval(sequence, greatest(:highest, nextval(sequence))) FROM pg_get_serial_sequence('message', 'id') AS sequence"
)


def skip_message_ids(connection: Connection, highest: int) -> None:
    """Let the ids of new messages begin above those that the original has given to the provider."""
    connection.execute(_SKIP_IDS, {"highest": highest})
