"""The original's tables, read; and which of their rows were imported already.

The original is a Django project: its models `Client`, `Mailing` and `Message` are in one app, its users in `auth_user`.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, column, func, insert, literal, literal_column, select, table, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, JSONB, TEXT

from chalicelib.storage.models import Base, OriginalRow
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


def rows(connection: Connection, tables: OriginalTables, kind: str, *, sent: bool | None = None) -> Iterator[list[AnyRow]]:
    """All rows of a kind, a page at a time, in the order of their ids; of messages those that were sent, or the others."""
    source = table(tables.name(kind), *(column(name) for name in COLUMNS[kind]))
    wanted = select(*source.c).order_by(source.c.id).limit(PAGE)
    if sent is not None:
        wanted = wanted.where(source.c.status == 1 if sent else source.c.status.is_distinct_from(1))
    last = -(2**63)
    while page := list(connection.execute(wanted.where(source.c.id > last))):
        yield page
        last = page[-1].id


def with_messages(connection: Connection, tables: OriginalTables, mailing_ids: Collection[int]) -> set[int]:
    """Which of these mailings of the original have messages."""
    source = table(tables.name("message"), column("mailing_id"))
    wanted = select(source.c.mailing_id).distinct().where(source.c.mailing_id == func.any(_ids(mailing_ids)))
    return set(connection.execute(wanted).scalars())


def highest_message_id(connection: Connection, tables: OriginalTables) -> int:
    """The highest id that the provider may have seen as a message's key."""
    source = table(tables.name("message"), column("id"))
    return int(connection.execute(select(func.coalesce(func.max(source.c.id), 0))).scalar_one())


def imported(connection: Connection, kind: str, original_ids: Collection[int]) -> dict[int, int]:
    """Which of these rows of the original are imported, and as which of ours."""
    wanted = select(OriginalRow.original_id, OriginalRow.row_id).where(
        OriginalRow.kind == kind, OriginalRow.original_id == func.any(_ids(original_ids))
    )
    return {row[0]: row[1] for row in connection.execute(wanted)}


_USERS = text(
    """
    SELECT lower(username), id, id IN (SELECT row_id FROM original_row WHERE kind = 'user') FROM "user"
    WHERE lower(username) = ANY(CAST(:names AS text[]))
    """
)


def users_with_names(connection: Connection, names: Collection[str]) -> dict[str, tuple[int, bool]]:
    """Our users of these names in small letters: the id, and whether the user stands for one of the original."""
    return {row[0]: (row[1], row[2]) for row in connection.execute(_USERS, {"names": list(names)})}


def _ids(ids: Collection[int]) -> ColumnElement[list[int]]:
    return literal(list(ids), ARRAY(BIGINT))


_REMEMBER = text(
    """
    INSERT INTO original_row (kind, original_id, row_id)
    SELECT :kind, * FROM unnest(CAST(:originals AS bigint[]), CAST(:ours AS bigint[]))
    """
)


def remember(connection: Connection, kind: str, pairs: Mapping[int, int]) -> None:
    """Write down which rows became which of ours, so that another import leaves them alone."""
    if pairs:
        connection.execute(_REMEMBER, {"kind": kind, "originals": list(pairs), "ours": list(pairs.values())})


def add_all(connection: Connection, model: type[Base], values: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert rows, which have the same columns, by one statement with one parameter; return their ids in the order of `values`."""
    if not values:
        return []
    made = model.metadata.tables[model.__tablename__]
    row_type: ColumnElement[Any] = literal_column(f'NULL::"{made.name}"')
    rows_json = literal(json.dumps([dict(row) for row in values], default=str), TEXT).cast(JSONB)
    new = func.jsonb_populate_recordset(row_type, rows_json).table_valued(*values[0], with_ordinality="ordinality")
    chosen = select(*(new.c[name] for name in values[0])).order_by(new.c.ordinality)
    inserted = connection.execute(insert(made).from_select(list(values[0]), chosen, include_defaults=False).returning(made.c.id))
    return sorted(inserted.scalars())  # ids are given in the order in which rows are inserted


# Rows of ours that wait still and were never claimed, while the original has sent them since.
_SETTLE = text(
    """
    UPDATE message m SET status = new.status, claim_no = 1, sent_at = new.sent_at, attempts = 1, error_code = new.error_code,
      error_detail = new.error_detail, phone = CASE WHEN new.keeps_phone THEN m.phone END
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new (id bigint, status smallint, sent_at timestamptz, error_code text,
                                                          error_detail text, keeps_phone boolean)
    WHERE m.id = new.id AND m.status = 1 AND m.claim_no = 0
    """
)


def settle(connection: Connection, values: Sequence[Mapping[str, Any]]) -> int:
    """Give messages that wait the end that the original gave them meanwhile; how many of them waited?"""
    return connection.execute(_SETTLE, {"rows": json.dumps(list(values), default=str)}).rowcount if values else 0


_THERE = text(
    """
    SELECT mailing_id, client_id FROM message
    JOIN unnest(CAST(:mailings AS bigint[]), CAST(:clients AS bigint[])) AS pair (mailing, client)
      ON mailing_id = pair.mailing AND client_id = pair.client
    """
)


def messages_there(connection: Connection, pairs: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which of these pairs of a mailing and a client, both ours, have a message."""
    parameters = {"mailings": [mailing for mailing, _ in pairs], "clients": [client for _, client in pairs]}
    return {(row[0], row[1]) for row in connection.execute(_THERE, parameters)}


_FORGET_COUNTS = text(
    "UPDATE mailing SET final_counts = NULL WHERE id = ANY(CAST(:ids AS bigint[])) AND final_counts IS NOT NULL"
)


def forget_counts(connection: Connection, mailing_ids: Collection[int]) -> None:
    """Have the final counts of these mailings made again."""
    connection.execute(_FORGET_COUNTS, {"ids": list(mailing_ids)})


_UNCOUNTED = text(
    """
    SELECT id FROM mailing JOIN original_row ON kind = 'mailing' AND row_id = id
    WHERE status IN ('finished', 'cancelled') AND final_counts IS NULL ORDER BY id LIMIT :size
    """
)


def uncounted(connection: Connection) -> list[int]:
    """Imported mailings that are over and lack the counts that they keep: a page of them."""
    return list(connection.execute(_UNCOUNTED, {"size": PAGE}).scalars())


_SKIP_IDS = text(
    "SELECT setval(sequence, greatest(:highest, nextval(sequence))) FROM pg_get_serial_sequence('message', 'id') AS sequence"
)


def skip_message_ids(connection: Connection, highest: int) -> None:
    """Let the ids of new messages begin above those that the original has given to the provider."""
    connection.execute(_SKIP_IDS, {"highest": highest})
