"""A slice of a list that is ordered by id."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counter:
    """Asks for the number of all rows of the list, and is given it with the slice."""

    number: int | None = None
    is_estimate: bool = False
    """It took too long to count, and the number is the database's guess."""


@dataclass(frozen=True, slots=True)
class Slice:
    """At most `limit` rows right after `after`, or right before `before`, in the order of ids (`descending`: newest first)."""

    limit: int
    after: int | None = None
    before: int | None = None
    descending: bool = False
    counter: Counter | None = field(default=None, compare=False)
