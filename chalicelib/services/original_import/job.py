"""What the steps of an import share: its options, its connections and its report."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from chalicelib.domain.errors import ServiceError
from chalicelib.domain.words import counted
from chalicelib.services.history import Kind
from chalicelib.storage import history, original
from chalicelib.storage.original import OriginalTables
from chalicelib.storage.paging import AnyRow


class OriginalError(ServiceError):
    """The import cannot be done; the message says why."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How the original is read, and whether anything is written."""

    tables: OriginalTables = field(default_factory=OriginalTables)
    zones: Mapping[int, str] = field(default_factory=dict)
    """IANA names for hours of the original (3: Europe/Moscow); hours that are not named become `Etc/GMT±n`."""
    apply: bool = False
    original_is_stopped: bool = False


@dataclass(slots=True)
class ImportReport:
    """How many rows were, or would be, imported."""

    applied: bool
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    """By kind of row: how many were read, imported, there already, left out …"""

    def add(self, kind: str, what: str, number: int = 1) -> None:
        """Count rows of a kind; those of no number are not mentioned."""
        if number:
            self.counts.setdefault(kind, Counter())[what] += number

    def lines(self) -> list[str]:
        """The report for people."""
        told = ["imported" if self.applied else "dry run: nothing was written"]
        for kind, counts in self.counts.items():
            told.append(f"{kind:<8} " + ", ".join(f"{what} {number:,}" for what, number in counts.items()))
        return told


@dataclass(frozen=True, slots=True)
class ImportJob:
    """One import, from beginning to end of its transactions."""

    source: Connection
    target: Connection
    options: ImportOptions
    report: ImportReport
    tell: Callable[[str], None]
    now: datetime

    def pages(self, kind: str, *, sent: bool | None = None) -> Iterator[list[AnyRow]]:
        """The original's rows of a kind, a page at a time.

        Raises OriginalError for a text that is not UTF-8: PostgreSQL gives such ones only from a database in SQL_ASCII.
        """
        pages, last = original.rows(self.source, self.options.tables, kind, sent=sent), "the first"
        while True:
            try:
                page = next(pages, None)
            except UnicodeDecodeError as error:
                raise OriginalError(
                    f"{self.options.tables.name(kind)}: a text is not UTF-8, in {counted(original.PAGE, 'row')} from {last} on by id;"
                    " the database's encoding is SQL_ASCII: correct the text, or load a dump of it into a database in UTF8"
                ) from error
            if page is None:
                return
            self.report.add(kind, "read", len(page))
            last = f"id {page[-1].id + 1}"
            yield [row for row in page if self._is_whole(kind, row)]

    def _is_whole(self, kind: str, row: AnyRow) -> bool:
        """Has the row a value in every column, and moments that a calendar has? The original's models allow nothing else."""
        for name in original.COLUMNS[kind]:
            value = getattr(row, name)
            if value is None or (name.startswith("date_time") and not isinstance(value, datetime)):
                self.left_out(kind, row.id, f"its {name} is {'NULL' if value is None else value}")
                return False
        return True

    def note(self, kind: str, row_id: int, why: str) -> None:
        """Tell something about a row."""
        self.tell(f"{kind} {row_id}: {why}")

    def left_out(self, kind: str, row_id: int, why: str) -> None:
        """Count and tell a row that is not imported."""
        self.report.add(kind, "left out")
        self.note(kind, row_id, f"left out: {why}")

    def add_history(self, kind: Kind, object_id: int, owner_id: int) -> None:
        """Note the import in the change history of a row of ours."""
        change = {"kind": str(kind), "object_id": object_id, "owner_id": owner_id, "action": "import", "changes": {}}
        history.add(self.target, None, "import-original", [change])
