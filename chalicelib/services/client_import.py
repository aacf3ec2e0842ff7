"""Use case: clients from a CSV file, slice by slice, with a rehearsal before.

Headers: `phone` and `time_zone` (both must be there), `operator_code`, `tags` (`;` between them), and one `attributes.<name>` for
each attribute. What the admin panel exports is taken, too: tags and `attributes` as `domain.cells` writes them, and columns that are
not written back. A slice is small enough for one transaction; a file is as many slices as it takes.
"""

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Engine

from chalicelib.domain.access import Principal
from chalicelib.domain.cells import split_attributes, split_words
from chalicelib.domain.errors import FieldError, InvalidInputError
from chalicelib.services import history
from chalicelib.services.clients import NewClient, canonical_phone, normalized, problems, row_values
from chalicelib.services.history import Change, Kind
from chalicelib.services.ownership import owner_of_new
from chalicelib.storage import client_import, clients
from chalicelib.storage.engine import autocommit

MAX_ROWS = 1_000
_REQUIRED = ("phone", "time_zone")
_ATTRIBUTE, _ATTRIBUTES = "attributes.", "attributes"
_PASSED_OVER = ("id", "owner_id", "created_at")
_KNOWN = (*_REQUIRED, "operator_code", "tags", _ATTRIBUTES, *_PASSED_OVER)
_SAMPLE = 5
_ESCAPED = re.compile(r"^'(?=\s*[=+\-@])")  # an exported cell that a spreadsheet might take for a formula
_UNREADABLE = re.compile("[\ufffd\ud800-\udfff]")  # what stands for letters that the browser could not read


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one row of the file; `row` counts from 1, the header not counted."""

    row: int
    field: str
    message: str


@dataclass(slots=True)
class Report:
    """What a slice did, or (in a rehearsal) would do; a rehearsal shows what the first good rows were read as.

    `phones` has the phone of each good row: whoever cuts the file tells by it which rows of later slices repeat one (Slice.repeated).
    """

    created: int = 0
    updated: int = 0
    skipped: int = 0
    errors: list[RowError] = field(default_factory=list)
    sample: list[NewClient] = field(default_factory=list)
    phones: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a file: its header, some rows, the place of the first of them in the file, and which repeat a row of an earlier slice."""

    header: str
    body: str
    first_row: int = 1
    repeated: Collection[int] = ()


def run(
    source: Engine, principal: Principal, part: Slice, *, update: bool, rehearse: bool, owner_id: int | None = None
) -> Report:
    """Takes in a slice: new clients are added, known ones (by owner and phone) rewritten or skipped, bad rows named.

    Raises InvalidInputError for a header that cannot be used and for a slice that is too long.
    """
    rows, report = _read(part), Report()
    good = _checked(rows, part, report)
    if rehearse:
        with autocommit(source) as connection:
            owner = owner_of_new(connection, principal, owner_id)
            known = clients.taken_phones(connection, owner, [new.phone for new in good])
        report.created, report.sample = len(good) - len(known), good[:_SAMPLE]
        report.updated, report.skipped = (len(known), 0) if update else (0, len(known))
        return report
    with source.begin() as connection:
        owner = owner_of_new(connection, principal, owner_id)
        _put(connection, principal, [row_values(new, owner) for new in good], report, update=update)
    return report


def _put(
    connection: Connection, principal: Principal, rows: Sequence[Mapping[str, Any]], report: Report, *, update: bool
) -> None:
    done = client_import.put(connection, rows, update=update)
    report.created = sum(new for _id, new in done)
    report.updated = len(done) - report.created
    report.skipped = len(rows) - len(done)
    owner_id = rows[0]["owner_id"] if rows else principal.user_id
    changes = (Change(Kind.CLIENT, client_id, owner_id, "create" if new else "import") for client_id, new in done)
    history.note(connection, principal, *changes)


def _read(part: Slice) -> list[dict[str, str]]:
    if _UNREADABLE.search(part.header) or _UNREADABLE.search(part.body):
        raise InvalidInputError(FieldError("body", "the file is not in UTF-8: save it as CSV UTF-8"))
    try:
        return _rows(part)
    except csv.Error:  # a cell without an end, a line that ends as no other does
        why = "this is no CSV; is a quotation mark missing at the end of a cell?"
        raise InvalidInputError(FieldError("body", why)) from None


def _rows(part: Slice) -> list[dict[str, str]]:
    names = [name.strip().lstrip("\ufeff") for name in next(csv.reader([part.header], delimiter=_delimiter(part.header)), [])]
    missing = [name for name in _REQUIRED if name not in names]
    odd = [name for name in names if name not in _KNOWN and not name.startswith(_ATTRIBUTE)]
    if missing:
        raise InvalidInputError(FieldError("header", f"these headers are missing: {', '.join(missing)}"))
    if odd or len(set(names)) != len(names):
        raise InvalidInputError(FieldError("header", f"these headers are not known, or stand twice: {', '.join(odd or names)}"))
    reader = csv.DictReader(io.StringIO(part.body), names, restval="", restkey="", delimiter=_delimiter(part.header))
    rows = [row for row in reader if any(value for value in row.values() if isinstance(value, str))]
    if len(rows) > MAX_ROWS:
        raise InvalidInputError(FieldError("body", f"a slice has at most {MAX_ROWS} rows"))
    return rows


def _delimiter(header: str) -> str:
    """Spreadsheets of some countries write semicolons."""
    return max(",;\t", key=header.count)


def _checked(rows: Sequence[Mapping[str, str]], part: Slice, report: Report) -> list[NewClient]:
    good: dict[str, NewClient] = {}
    for place, row in enumerate(rows, part.first_row):
        new = normalized(_client(row))
        found = problems(new)
        if not found:
            new = replace(new, phone=canonical_phone(new))
        if "" in row:
            found.append(FieldError("", "has more values than there are headers"))
        if not found and (new.phone in good or place in part.repeated):
            found.append(FieldError("phone", "stands in an earlier row already"))
        report.errors += [RowError(place, error.field, error.message) for error in found]
        if not found:
            good[new.phone], report.phones[place] = new, new.phone
    return list(good.values())


def _client(row: Mapping[str, str]) -> NewClient:
    values = {name: _ESCAPED.sub("", value.strip()) for name, value in row.items() if isinstance(value, str)}
    attributes = split_attributes(values.get(_ATTRIBUTES, "")) | {
        name.removeprefix(_ATTRIBUTE): value for name, value in values.items() if name.startswith(_ATTRIBUTE) and value
    }
    return NewClient(
        phone=values["phone"],
        time_zone=values["time_zone"],
        operator_code=values.get("operator_code") or None,
        tags=tuple(split_words(values.get("tags", ""))),
        attributes=attributes,
    )
