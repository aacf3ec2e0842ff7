"""A slice of a list that is ordered by id."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slice:
    """At most `limit` rows right after `after`, or right before `before`, in the order of ids (`descending`: newest first)."""

    limit: int
    after: int | None = None
    before: int | None = None
    descending: bool = False
