"""Queries on uploaded files: slices of bytes as they came, then rows in chunks with their results."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class UploadRow:
    """One upload. `header` is None until the file was read, `options` until columns were chosen."""

    id: int
    user: int
    owner: int
    size: int
    header: list[str] | None
    rows: int
    blank: int
    sheet: str | None
    options: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """Rows of a file (`[number, cells]`), and what the preview and the import said of them."""

    position: int
    rows: list[tuple[int, list[str]]]
    preview: dict[str, Any] | None
    result: dict[str, Any] | None


def sweep(connection: Connection) -> int:
    """Delete uploads that nobody needs any more; how many."""
    return connection.execute(text("DELETE FROM upload WHERE created_at < now() - interval '24 hours'")).rowcount


def drop(connection: Connection, owner_id: int | None) -> None:
    """Delete all uploads for an owner (None: for everyone)."""
    statement = text("DELETE FROM upload WHERE CAST(:owner AS bigint) IS NULL OR owner_id = :owner")
    connection.execute(statement, {"owner": owner_id})


def add(connection: Connection, user_id: int, owner_id: int, size: int) -> int:
    """A new upload."""
    statement = text("INSERT INTO upload (user_id, owner_id, size) VALUES (:user, :owner, :size) RETURNING id")
    upload_id: int = connection.execute(statement, {"user": user_id, "owner": owner_id, "size": size}).scalar_one()
    return upload_id


_FIND = "SELECT id, user_id, owner_id, size, header, rows, blank, sheet, options FROM upload WHERE id = :id AND user_id = :user"


def find(connection: Connection, user_id: int, upload_id: int, *, lock: bool = False) -> UploadRow | None:
    """The user's upload; locked, one step of it waits for another."""
    statement = text(_FIND + (" FOR UPDATE" if lock else ""))
    row = connection.execute(statement, {"id": upload_id, "user": user_id}).one_or_none()
    return UploadRow(*row) if row is not None else None


def put_part(connection: Connection, upload_id: int, position: int, body: bytes) -> None:
    """Keep a slice of bytes; the same one again replaces it."""
    statement = text(
        "INSERT INTO upload_part (upload_id, position, body) VALUES (:id, :position, :body)"
        " ON CONFLICT (upload_id, position) DO UPDATE SET body = excluded.body"
    )
    connection.execute(statement, {"id": upload_id, "position": position, "body": body})


def part_sizes(connection: Connection, upload_id: int) -> dict[int, int]:
    """Which slices are there, and how long they are."""
    statement = text("SELECT position, length(body) FROM upload_part WHERE upload_id = :id ORDER BY position")
    return {row[0]: row[1] for row in connection.execute(statement, {"id": upload_id})}


def parts(connection: Connection, upload_id: int) -> bytes:
    """The file."""
    statement = text("SELECT body FROM upload_part WHERE upload_id = :id ORDER BY position")
    return b"".join(bytes(row[0]) for row in connection.execute(statement, {"id": upload_id}))


_PUT_CHUNK = text("INSERT INTO upload_chunk (upload_id, position, rows) VALUES (:id, :position, CAST(:rows AS jsonb))")


def put_table(
    connection: Connection,
    upload_id: int,
    header: Sequence[str],
    chunks: Sequence[Sequence[tuple[int, list[str]]]],
    blank: int,
    sheet: str | None,
) -> None:
    """Keep the rows of the file that was read, in place of what was kept before."""
    connection.execute(text("DELETE FROM upload_chunk WHERE upload_id = :id"), {"id": upload_id})
    for position, rows in enumerate(chunks):
        connection.execute(_PUT_CHUNK, {"id": upload_id, "position": position, "rows": json.dumps(rows)})
    statement = text(
        "UPDATE upload SET header = CAST(:header AS jsonb), rows = :rows, blank = :blank, sheet = :sheet, options = NULL WHERE id = :id"
    )
    connection.execute(
        statement,
        {"id": upload_id, "header": json.dumps(list(header)), "rows": sum(map(len, chunks)), "blank": blank, "sheet": sheet},
    )


def set_options(connection: Connection, upload_id: int, options: Mapping[str, Any]) -> None:
    """Keep how the file is to be read, and forget what was found with other options."""
    statement = text("UPDATE upload SET options = CAST(:options AS jsonb) WHERE id = :id")
    connection.execute(statement, {"id": upload_id, "options": json.dumps(dict(options))})
    connection.execute(text("UPDATE upload_chunk SET preview = NULL WHERE upload_id = :id"), {"id": upload_id})
    connection.execute(text("DELETE FROM upload_phone WHERE upload_id = :id"), {"id": upload_id})


def chunk(connection: Connection, upload_id: int, position: int) -> ChunkRow | None:
    """One chunk."""
    statement = text("SELECT position, rows, preview, result FROM upload_chunk WHERE upload_id = :id AND position = :position")
    row = connection.execute(statement, {"id": upload_id, "position": position}).one_or_none()
    return ChunkRow(*row) if row is not None else None


def is_being_imported(connection: Connection, upload_id: int) -> bool:
    """Was any chunk imported?"""
    statement = text("SELECT EXISTS (SELECT 1 FROM upload_chunk WHERE upload_id = :id AND result IS NOT NULL)")
    return bool(connection.execute(statement, {"id": upload_id}).scalar_one())


def chunks(connection: Connection, upload_id: int) -> list[ChunkRow]:
    """All chunks, without their rows."""
    statement = text("SELECT position, '[]'::jsonb, preview, result FROM upload_chunk WHERE upload_id = :id ORDER BY position")
    return [ChunkRow(*row) for row in connection.execute(statement, {"id": upload_id})]


def keep_report(connection: Connection, upload_id: int, position: int, report: Mapping[str, Any], *, applied: bool) -> None:
    """Store the result of a chunk."""
    column = "result" if applied else "preview"
    statement = text(f"UPDATE upload_chunk SET {column} = CAST(:report AS jsonb) WHERE upload_id = :id AND position = :position")  # noqa: S608 - constants only
    connection.execute(statement, {"id": upload_id, "position": position, "report": json.dumps(dict(report))})


_SEEN = text(
    """
    WITH new AS (SELECT phone, row FROM jsonb_to_recordset(CAST(:phones AS jsonb)) AS new (phone text, row int)),
    added AS (
      INSERT INTO upload_phone (upload_id, phone, row) SELECT :id, phone, min(row) FROM new GROUP BY phone ORDER BY phone
      ON CONFLICT (upload_id, phone) DO NOTHING RETURNING phone, row
    )
    SELECT phone, row FROM added
    UNION ALL
    SELECT p.phone, p.row FROM upload_phone p WHERE p.upload_id = :id AND p.phone IN (SELECT phone FROM new)
    """
)


def seen(connection: Connection, upload_id: int, phones: Sequence[tuple[str, int]]) -> dict[str, int]:
    """The first row of the file that each phone stands in, of the chunks that were read so far."""
    rows = [{"phone": phone, "row": row} for phone, row in phones]
    return {row[0]: row[1] for row in connection.execute(_SEEN, {"id": upload_id, "phones": json.dumps(rows)})}
