"""Clients from rows of a file: one function checks and, unless it is a dry run, writes them.

Preview and import of the panel, the API's import and its dry run all call `take`, so they agree. Every row of a file is accounted for:
rows = created + updated + unchanged + bad + blank.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Engine

from chalicelib.domain import columns
from chalicelib.domain.access import Principal
from chalicelib.domain.cells import CellError, split_attributes, split_words
from chalicelib.domain.columns import ATTRIBUTE
from chalicelib.domain.errors import FieldCode, FieldError, InvalidInputError
from chalicelib.domain.personal_text import attribute_name
from chalicelib.domain.phone import CountryError, country_of, parse_country
from chalicelib.domain.table import Row, Table, TableError, visible
from chalicelib.domain.words import counted
from chalicelib.domain.zones import zone_fits_country
from chalicelib.services import history
from chalicelib.services.clients import NewClient, problems, row_values, settled, stored_for
from chalicelib.services.history import Change, Kind
from chalicelib.services.ownership import owner_of_new
from chalicelib.storage import client_import, clients
from chalicelib.storage.clients import ClientRow
from chalicelib.storage.engine import autocommit

MAX_ROWS_AT_ONCE = 20_000
"""Of a file that is imported by one call."""
_SAMPLE = 5
_CELL_SHOWN = 100
_ESCAPED = re.compile(r"^'(?=\s*[=+\-@\t\r])")  # an exported cell that a spreadsheet might take for a formula
Seen = Callable[[Sequence[tuple[str, int]]], Mapping[str, int]]
"""Given phones with their rows: the first row of the whole file that each phone stands in."""


@dataclass(frozen=True, slots=True)
class Options:
    """How rows are read and written: a target for each column, what happens to known clients, the country of phones without +."""

    targets: tuple[str, ...]
    update: bool = False
    country: str | None = None


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one row: its number in the file, the column's name and cell ("" if it is about the row), and why."""

    row: int
    column: str
    cell: str
    message: str
    code: str = FieldCode.INVALID
    """For programs: a `FieldCode`, or the finer code of a phone that cannot be read."""


@dataclass(slots=True)
class Report:
    """The result for rows, or (in a dry run) what it would be."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    bad: int = 0
    blank: int = 0
    errors: list[RowError] = field(default_factory=list)
    countries: Counter[str] = field(default_factory=Counter)
    """Good rows by the country of their phone; "" where no known numbering plan has the number."""
    contradictions: list[tuple[int, str, str]] = field(default_factory=list)
    """Rows whose phone's country has no such time zone: row, country, zone. They are written nevertheless."""
    sample: list[NewClient] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    """Bad rows by code; a row with several reasons is counted with each."""

    @property
    def rows(self) -> int:
        """All rows that this report accounts for."""
        return self.created + self.updated + self.unchanged + self.bad + self.blank


def checked(header: Sequence[str], options: Options) -> Options:
    """The options, if they fit the file. Raises InvalidInputError."""
    wrong = columns.problem(header, options.targets)
    if wrong is not None:
        raise InvalidInputError(FieldError("columns", wrong))
    try:
        return replace(options, country=options.country and parse_country(options.country))
    except CountryError as error:
        raise InvalidInputError(FieldError("default_country", str(error))) from None


def targets_of(header: Sequence[str], unknown: str) -> tuple[str, ...]:
    """Targets of columns by their names; unknown ones are refused, left out, or (`attributes`) become one. Raises InvalidInputError."""
    targets = [columns.by_name(name) for name in header]
    odd = [
        place for place, target in enumerate(targets) if not target and header[place] and not columns.is_exported(header[place])
    ]
    if unknown == "attributes":
        for place in odd:
            targets[place] = columns.attribute_of(header[place]) or ""
        odd = [place for place in odd if not targets[place]]
    if odd and unknown != "leave_out":
        names = ", ".join(header[place] for place in odd)
        problem = f"these columns are not known: {names}; unknown_columns says what becomes of them"
        if "phone" not in targets:
            problem = f"no column is the phone; not known: {names}; does the first row hold the names of the columns?"
        raise InvalidInputError(FieldError("columns", problem))
    return tuple(targets)


def take_table(
    source: Engine, principal: Principal, table: Table, options: Options, *, apply: bool, owner_id: int | None = None
) -> Report:
    """Take a whole file in one transaction. Raises InvalidInputError for options that do not fit it and for one that is too long."""
    options = checked(table.header, options)
    if table.total > MAX_ROWS_AT_ONCE:
        raise InvalidInputError(FieldError("body", f"a file that is imported by one call has at most {MAX_ROWS_AT_ONCE} rows"))
    first: dict[str, int] = {}

    def seen(phones: Sequence[tuple[str, int]]) -> Mapping[str, int]:
        for phone, row in phones:
            first.setdefault(phone, row)
        return first

    with source.begin() if apply else autocommit(source) as connection:
        owner = owner_of_new(connection, principal, owner_id)
        report = take(connection, principal, owner, table.header, table.rows, options, seen, apply=apply)
    report.blank = table.blank
    return report


def take(
    connection: Connection,
    principal: Principal,
    owner_id: int,
    header: Sequence[str],
    rows: Sequence[Row],
    options: Options,
    seen: Seen,
    *,
    apply: bool,
) -> Report:
    """Check rows and, with `apply`, write the good ones: new clients are added, known ones changed or left as they are."""
    report = Report()
    read: list[tuple[Row, NewClient]] = []
    for row, new, wrong in _accepted(connection, owner_id, header, rows, options):
        report.errors += wrong
        report.bad += bool(wrong)
        if not wrong:
            read.append((row, new))
    first = seen([(new.phone, row.number) for row, new in read])
    good: dict[str, NewClient] = {}
    for row, new in read:
        if first[new.phone] != row.number:
            report.bad += 1
            cell = row.cells[options.targets.index("phone")][:_CELL_SHOWN]
            name = header[options.targets.index("phone")]
            report.errors.append(
                RowError(row.number, name, cell, f"is the phone of row {first[new.phone]}, too", FieldCode.GIVEN_TWICE)
            )
            continue
        good[new.phone] = new
        country = country_of(new.phone)
        report.countries[country or ""] += 1
        if country and not zone_fits_country(new.time_zone, country):
            report.contradictions.append((row.number, country, new.time_zone))
    report.sample = list(good.values())[:_SAMPLE]
    report.errors.sort(key=lambda error: error.row)
    report.codes = Counter(code for _row, code in {(error.row, str(error.code)) for error in report.errors})
    _write(connection, principal, owner_id, good, options, report, apply=apply)
    return report


def _write(
    connection: Connection,
    principal: Principal,
    owner_id: int,
    good: Mapping[str, NewClient],
    options: Options,
    report: Report,
    *,
    apply: bool,
) -> None:
    if not good:
        return
    added: dict[str, int] = {}
    if apply:
        added, known = client_import.add_or_lock(connection, owner_id, [row_values(new, owner_id) for new in good.values()])
    else:
        known = clients.with_phones(connection, owner_id, list(good))
    changed = [each for row in known if options.update and (each := _merged(row, good[row.phone], options))]
    report.created = len(good) - len(known)
    report.updated = len(changed)
    report.unchanged = len(known) - len(changed)
    if apply:
        client_import.rewrite(connection, changed)
        changes = [
            *(Change(Kind.CLIENT, client_id, owner_id, "create") for client_id in added.values()),
            *(Change(Kind.CLIENT, each["id"], owner_id, "import") for each in changed),
        ]
        history.note(connection, principal, *changes)


def _merged(stored: ClientRow, new: NewClient, options: Options) -> dict[str, Any] | None:
    """The columns of a client after the file was read into it; what the file does not have stays. None if nothing changes."""
    names = [target.removeprefix(ATTRIBUTE) for target in options.targets if target.startswith(ATTRIBUTE)]
    kept = (
        {} if "attributes" in options.targets else {name: each for name, each in stored.attributes.items() if name not in names}
    )
    values = row_values(new, stored.owner)
    after = {
        "time_zone": new.time_zone,
        "operator_code": values["operator_code"] if "operator_code" in options.targets else stored.operator_code,
        "tags": list(new.tags) if "tags" in options.targets else stored.tags,
        "attributes": {**kept, **new.attributes},
    }
    before = {name: getattr(stored, name) for name in after}
    return {"id": stored.id, **after} if before != after else None


def _accepted(
    connection: Connection, owner_id: int, header: Sequence[str], rows: Sequence[Row], options: Options
) -> Iterator[tuple[Row, NewClient, list[RowError]]]:
    """Each row as a client in the form in which it is stored, or as given with what is wrong with it.

    What a row says of a client that is stored so already is not wrong: an exported file can be imported.
    """
    read = [(row, *_read(header, row, options)) for row in rows]
    wrong = [place for place, (_, new, many) in enumerate(read) if not many and problems(new)]
    found = stored_for(connection, [(owner_id, read[place][1]) for place in wrong]) if wrong else {}
    stored = {place: found[number] for number, place in enumerate(wrong) if number in found}
    for place, (row, new, many) in enumerate(read):
        known = stored.get(place)
        errors = many or [_error(header, row, options, each) for each in problems(new, known)]
        yield row, new if errors else replace(settled(new, known), country=None), errors


def _read(header: Sequence[str], row: Row, options: Options) -> tuple[NewClient, list[RowError]]:
    cells = {
        target: _ESCAPED.sub("", visible_ends(cell)) for target, cell in zip(options.targets, row.cells, strict=False) if target
    }
    wrong: list[RowError] = []
    attributes: dict[str, str | int] = {}
    try:
        attributes = split_attributes(cells.get("attributes", ""))
    except CellError as error:
        wrong.append(_error(header, row, options, FieldError("attributes", str(error), FieldCode.GIVEN_TWICE)))
    own = {target.removeprefix(ATTRIBUTE): cell for target, cell in cells.items() if target.startswith(ATTRIBUTE) and cell}
    for name in sorted(own.keys() & {attribute_name(name) for name in attributes}):
        column = header[options.targets.index(f"{ATTRIBUTE}{name}")]
        why = f"the attribute {name} stands in the column {column}, too: give it once"
        wrong.append(_error(header, row, options, FieldError("attributes", why, FieldCode.GIVEN_TWICE)))
    new = NewClient(
        phone=cells["phone"],
        time_zone=cells["time_zone"],
        operator_code=cells.get("operator_code") or None,
        tags=tuple(split_words(cells.get("tags", ""))),
        attributes=attributes | own,
        country=options.country,
    )
    if len(row.cells) > len(header):
        number = counted(len(row.cells), "cell")
        why = f"has {number}, the header has {len(header)}: a cell with a delimiter in it needs quotation marks"
        return new, [RowError(row.number, "", "", why, FieldCode.WRONG_LENGTH)]
    return new, wrong


def visible_ends(cell: str) -> str:
    """A cell without spaces around it, and without invisible characters that stand at its ends alone."""
    stripped = cell.strip()
    return stripped if visible(stripped) else ""


def _error(header: Sequence[str], row: Row, options: Options, error: FieldError) -> RowError:
    if error.field not in options.targets:
        return RowError(row.number, error.field, "", error.message, error.reason or error.code)
    place = options.targets.index(error.field)
    return RowError(row.number, header[place], row.cells[place][:_CELL_SHOWN], error.message, error.reason or error.code)


def refused(error: TableError) -> InvalidInputError:
    """A file that cannot be read, as an error of its field."""
    return InvalidInputError(FieldError("body", str(error)))
