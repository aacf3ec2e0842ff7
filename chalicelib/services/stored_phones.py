"""Check phones that earlier versions stored with a trunk prefix, and correct those that collide with nothing.

Messages come before clients: while a mailing runs, its unique key (mailing, phone) must already know the corrected number when the
client is corrected, deleted and imported again. Rows that collide are reported and not changed: which of two clients is to stay, only
their owner can say.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from chalicelib.domain.phone import corrected
from chalicelib.services.history import Kind
from chalicelib.storage import history, stored_phones
from chalicelib.storage.engine import UNIQUE_VIOLATION, autocommit, sqlstate
from chalicelib.storage.stored_phones import TABLES, StoredPhone, Table

_BY = "check-phones"


class Verdict(StrEnum):
    """What becomes of a wrongly stored phone."""

    CORRECTABLE = "can be corrected"
    CORRECTED = "corrected"
    COLLIDES = "collides"
    WAITS = "left: it is being sent; check again after its mailing"
    UNREADABLE = "is no phone number that can be read"


@dataclass(frozen=True, slots=True)
class Finding:
    """One wrongly stored phone, by its row; `other` is the row that already has the corrected number."""

    table: Table
    id: int
    verdict: Verdict
    other: int | None = None

    def __str__(self) -> str:
        return f"{self.table} {self.id}: {self.verdict}{f' with {self.table} {self.other}' if self.other else ''}"


@dataclass(slots=True)
class PhoneReport:
    """How many phones were read, and what is wrong. Nothing in it is a phone."""

    checked: Counter[Table] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many of each table and verdict."""
        return dict(Counter(f"{each.table}: {each.verdict}" for each in self.findings))


def check(source: Engine, *, apply: bool = False) -> PhoneReport:
    """Report every stored phone that is not the E.164 form of its number; with `apply` correct what collides with nothing."""
    report = PhoneReport()
    for table in TABLES:
        for row in stored_phones.read(source, table):
            report.checked[table] += 1
            phone = corrected(row.phone)
            if phone != row.phone:
                report.findings.append(_finding(source, table, row, phone, apply=apply))
    return report


def _finding(source: Engine, table: Table, row: StoredPhone, phone: str | None, *, apply: bool) -> Finding:
    if phone is None:
        return Finding(table, row.id, Verdict.UNREADABLE)
    with autocommit(source) as connection:
        other = stored_phones.other(connection, table, row.scope, phone)
    if other is not None:
        return Finding(table, row.id, Verdict.COLLIDES, other)
    return Finding(table, row.id, _corrected(source, table, row, phone) if apply else Verdict.CORRECTABLE)


def _corrected(source: Engine, table: Table, row: StoredPhone, phone: str) -> Verdict:
    try:
        with source.begin() as connection:
            owner_id = stored_phones.correct(connection, table, row, phone)
            if owner_id is None:
                return Verdict.WAITS
            if table == "client":
                change = {"kind": str(Kind.CLIENT), "object_id": row.id, "owner_id": owner_id, "action": "update"}
                history.add(connection, None, _BY, [{**change, "changes": {"phone": [row.phone, phone]}}])
    except DBAPIError as error:
        if sqlstate(error) == UNIQUE_VIOLATION:
            return Verdict.COLLIDES
        raise
    return Verdict.CORRECTED
