"""Files imported through the admin panel: uploaded in slices of bytes, parsed once, then taken chunk by chunk.

Each step is one short request, so that a file of any allowed size fits the time limit of a function, and a step that is repeated, by
a person or after a broken connection, changes nothing: a slice of bytes replaces itself, and a chunk that was imported answers with what
it did the first time.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Engine

from chalicelib.domain import columns
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError, FieldError, InvalidInputError, NotFoundError
from chalicelib.domain.table import MAX_BYTES, Row, Table, TableError, parse_csv
from chalicelib.services import client_import
from chalicelib.services.client_import import Options, Report, RowError
from chalicelib.services.clients import NewClient
from chalicelib.services.ownership import owner_of_new
from chalicelib.storage import uploads, user_edits
from chalicelib.storage.engine import autocommit
from chalicelib.storage.uploads import ChunkRow, UploadRow

PART_BYTES: Final = 2 * 2**20
"""A slice of a file. In base64 it stays well under the 6 MB of a Lambda's event."""
CHUNK_ROWS: Final = 2_000
_SHOWN_ERRORS: Final = 100
_SHOWN_CONTRADICTIONS: Final = 20
_REMEMBERED: Final = 500
_CSV_CHARACTERS: Final = 2_000_000  # a Lambda answers 6 MB at most, and a character may take three bytes
_FORMULA = re.compile(r"\s*[=+\-@\t\r]")
_WORKBOOK = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was read: its columns with the first values of each, and how many rows and chunks it has."""

    id: int
    header: list[str]
    samples: list[list[str]]
    suggested: list[str]
    rows: int
    chunks: int
    sheet: str | None
    options: dict[str, Any] | None


@dataclass(slots=True)
class Progress:
    """The sum over the chunks that were taken. `done == chunks` once all were; then `rows` is accounted for to the last one."""

    chunks: int
    rows: int
    done: int = 0
    applied: bool = False
    report: Report = field(default_factory=Report)
    contradictions: int = 0


def begin(source: Engine, principal: Principal, size: int, *, owner_id: int | None = None) -> int:
    """Announce a file of so many bytes; the id of its upload. Raises InvalidInputError."""
    if not 0 < size <= MAX_BYTES:
        raise InvalidInputError(FieldError("body", f"a file has 1 byte to {MAX_BYTES // 2**20} MB"))
    with source.begin() as connection:
        uploads.sweep(connection)
        return uploads.add(connection, principal.user_id, owner_of_new(connection, principal, owner_id), size)


def put_part(source: Engine, principal: Principal, upload_id: int, position: int, body: bytes) -> None:
    """Keep a slice of the file's bytes. Raises NotFoundError, InvalidInputError."""
    with source.begin() as connection:
        upload = _found(connection, principal, upload_id)
        expected = min(PART_BYTES, upload.size - position * PART_BYTES)
        if position < 0 or expected <= 0 or len(body) != expected:
            raise InvalidInputError(FieldError("body", "this slice does not belong to the file"))
        uploads.put_part(connection, upload_id, position, body)


def read(
    source: Engine, principal: Principal, upload_id: int, *, encoding: str | None = None, delimiter: str | None = None
) -> Upload:
    """Parse the file and keep its rows. Raises NotFoundError, InvalidInputError that says where and why it cannot be read."""
    with source.begin() as connection:
        upload = _found(connection, principal, upload_id, lock=True)
        if uploads.is_being_imported(connection, upload_id):
            raise ConflictError("this file is being imported already; upload it again")
        if sum(uploads.part_sizes(connection, upload_id).values()) != upload.size:
            raise ConflictError("not all of the file has arrived")
        try:
            table = parsed(uploads.parts(connection, upload_id), encoding=encoding, delimiter=delimiter)
        except TableError as error:
            raise client_import.refused(error) from None
        rows = [(row.number, row.cells) for row in table.rows]
        chunks = [rows[at : at + CHUNK_ROWS] for at in range(0, len(rows), CHUNK_ROWS)] or [[]]
        uploads.put_table(connection, upload_id, table.header, chunks, table.blank, table.sheet)
    return get(source, principal, upload_id)


def parsed(raw: bytes, *, encoding: str | None = None, delimiter: str | None = None) -> Table:
    """The rows of a CSV file or an .xlsx workbook. Raises TableError."""
    if raw.startswith(_WORKBOOK):
        from chalicelib.domain.workbook import parse_xlsx  # only here: openpyxl takes a while to load

        return parse_xlsx(raw)
    return parse_csv(raw, encoding=encoding, delimiter=delimiter)


def get(source: Engine, principal: Principal, upload_id: int) -> Upload:
    """A file that was read. Raises NotFoundError."""
    with autocommit(source) as connection:
        upload = _read(_found(connection, principal, upload_id))
        first = uploads.chunk(connection, upload_id, 0)
        remembered = user_edits.import_columns(connection, principal.user_id)
    header = upload.header or []
    sample = Table(header, [Row(number, cells) for number, cells in (first.rows[:50] if first else [])]).samples()
    suggested = columns.suggested(header, remembered)
    return Upload(upload_id, header, sample, suggested, upload.rows + upload.blank, _chunks(upload), upload.sheet, upload.options)


def choose(source: Engine, principal: Principal, upload_id: int, options: Options) -> Options:
    """Say what the columns are and how rows are taken, and remember it for the user. Raises NotFoundError, InvalidInputError.

    Once a chunk was imported the options stay: chunks of one file are taken alike.
    """
    with source.begin() as connection:
        upload = _read(_found(connection, principal, upload_id, lock=True))
        options = client_import.checked(upload.header or [], options)
        chosen = {**asdict(options), "targets": list(options.targets)}
        if uploads.is_being_imported(connection, upload_id):
            if upload.options == chosen:
                return options
            raise ConflictError("this file is being imported already; upload it again")
        uploads.set_options(connection, upload_id, chosen)
        known = user_edits.import_columns(connection, principal.user_id) | columns.remembered(
            upload.header or [], options.targets
        )
        kept = dict(list(known.items())[-_REMEMBERED:])
        user_edits.change(connection, principal.user_id, {"import_columns": kept, "default_country": options.country})
    return options


def take(source: Engine, principal: Principal, upload_id: int, position: int, *, apply: bool) -> None:
    """Preview a chunk, or import it; `progress` tells what came of it. One that was imported stays so. Raises NotFoundError, ConflictError.

    Chunks are taken in the order of the file: which of two rows with one phone is the first, only the rows before can tell.
    """
    with source.begin() as connection:
        upload = _read(_found(connection, principal, upload_id, lock=True))
        chunk = uploads.chunk(connection, upload_id, position)
        if chunk is None or upload.options is None:
            raise NotFoundError("upload")
        if position and not _taken_before(connection, upload_id, position, apply=apply):
            raise ConflictError("the rows before these come first")
        if chunk.result is None and (apply or chunk.preview is None):
            options = Options(**{**upload.options, "targets": tuple(upload.options["targets"])})
            report = client_import.take(
                connection,
                principal,
                upload.owner,
                upload.header or [],
                [Row(number, cells) for number, cells in chunk.rows],
                options,
                lambda phones: uploads.seen(connection, upload_id, phones),
                apply=apply,
            )
            uploads.keep_report(connection, upload_id, position, _kept(report), applied=apply)


def _taken_before(connection: Connection, upload_id: int, position: int, *, apply: bool) -> bool:
    before = uploads.chunk(connection, upload_id, position - 1)
    return before is not None and (before.result if apply else before.preview or before.result) is not None


def progress(source: Engine, principal: Principal, upload_id: int, *, applied: bool, code: str | None = None) -> Progress:
    """What the preview, or the import, said so far; with `code` the errors are those of this code. Raises NotFoundError."""
    with autocommit(source) as connection:
        upload = _read(_found(connection, principal, upload_id))
        chunks = uploads.chunks(connection, upload_id)
    found = Progress(_chunks(upload), upload.rows + upload.blank, applied=applied)
    for chunk in chunks:
        kept = chunk.result if applied else chunk.preview or chunk.result
        if kept is not None:
            _add(found, kept, code)
    if found.done == found.chunks:
        found.report.blank = upload.blank
    return found


def errors_csv(source: Engine, principal: Principal, upload_id: int, said: Callable[[str], str] = str) -> str:
    """The bad rows as they stand in the file, each with its number and the reasons; nothing in it is a formula.

    `said` puts a reason into the reader's language. Raises NotFoundError.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    with autocommit(source) as connection:
        upload = _read(_found(connection, principal, upload_id))
        writer.writerow([*map(_harmless, upload.header or []), "row", "error_code", "reason"])
        for position in range(_chunks(upload)):
            chunk = uploads.chunk(connection, upload_id, position)
            for row in _bad_rows(chunk, len(upload.header or []), said) if chunk else ():
                writer.writerow(row)
                if out.tell() > _CSV_CHARACTERS:
                    writer.writerow(["…"])
                    return out.getvalue()
    return out.getvalue()


def _bad_rows(chunk: ChunkRow, columns_count: int, said: Callable[[str], str]) -> Iterator[list[str]]:
    found: dict[int, list[RowError]] = {}
    for each in (chunk.result or chunk.preview or {}).get("errors", ()):
        error = RowError(*each)
        found.setdefault(error.row, []).append(error)
    for number, cells in chunk.rows:
        if number in found:
            codes = "; ".join(dict.fromkeys(error.code for error in found[number]))
            reasons = (f"{each.column}: {said(each.message)}" if each.column else said(each.message) for each in found[number])
            yield [*map(_harmless, cells[:columns_count]), str(number), codes, _harmless("; ".join(reasons))]


def _harmless(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _kept(report: Report) -> dict[str, Any]:
    return {
        "counts": [report.created, report.updated, report.unchanged, report.bad],
        "errors": [[each.row, each.column, each.cell, each.message, each.code] for each in report.errors],
        "codes": dict(report.codes),
        "countries": dict(report.countries),
        "contradictions": [list(each) for each in report.contradictions[:_SHOWN_CONTRADICTIONS]],
        "contradicting": len(report.contradictions),
        "sample": [[new.phone, new.time_zone, list(new.tags), dict(new.attributes)] for new in report.sample],
    }


def _add(found: Progress, kept: Mapping[str, Any], code: str | None) -> None:
    report = found.report
    created, updated, unchanged, bad = kept["counts"]
    found.done += 1
    report.created, report.updated = report.created + created, report.updated + updated
    report.unchanged, report.bad = report.unchanged + unchanged, report.bad + bad
    room = _SHOWN_ERRORS - len(report.errors)
    errors = (RowError(*each) for each in kept["errors"])
    report.errors += islice((each for each in errors if code in (None, each.code)), max(room, 0))
    report.codes += Counter(kept.get("codes", {}))
    report.countries += Counter(kept["countries"])
    left = _SHOWN_CONTRADICTIONS - len(report.contradictions)
    report.contradictions += [(row, country, zone) for row, country, zone in kept["contradictions"][: max(left, 0)]]
    found.contradictions += kept["contradicting"]
    if not report.sample:
        report.sample = [
            NewClient(phone, zone, None, tuple(tags), attributes) for phone, zone, tags, attributes in kept["sample"]
        ]


def _found(connection: Connection, principal: Principal, upload_id: int, *, lock: bool = False) -> UploadRow:
    upload = uploads.find(connection, principal.user_id, upload_id, lock=lock)
    if upload is None:
        raise NotFoundError("upload")
    owner_of_new(connection, principal, upload.owner)  # the user may have lost the right since
    return upload


def _chunks(upload: UploadRow) -> int:
    return max(1, -(-upload.rows // CHUNK_ROWS))


def _read(upload: UploadRow) -> UploadRow:
    if upload.header is None:
        raise NotFoundError("upload")
    return upload
