"""What a process makes once and keeps: engines and clients, which hold connections."""

from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import Generic, Protocol, TypeVar

_Made = TypeVar("_Made")
_Given = TypeVar("_Given", covariant=True)


class Kept(Protocol[_Given]):
    """A function whose value is kept."""

    def __call__(self) -> _Given:
        """Return the value."""

    def cache_clear(self) -> None:
        """Have it made anew when it is asked for next."""

    def cache_info(self) -> "tuple[int, int, int | None, int]":
        """Return what `lru_cache` counts; the last number is 1 if it is kept now."""


class Guarded(Generic[_Made]):
    """A function whose value is made by the first of the threads that ask for it together; the others wait."""

    def __init__(self, make: Callable[[], _Made]) -> None:
        self._make = make
        self._made: list[_Made] = []
        self._making = Lock()

    def __call__(self) -> _Made:
        """Return the value."""
        with self._making:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    def forget(self) -> None:
        """Have the value made anew when it is asked for next."""
        self._made.clear()


def once(make: Callable[[], _Made]) -> Kept[_Made]:
    """Decorate a function whose value is made at the first call and kept.

    `lru_cache` alone lets each of several threads whose first calls come together make a value, and all but one are lost with their
    connections open. It stands in front, so that later calls cost nothing more.
    """
    guarded = Guarded(make)
    kept = lru_cache(maxsize=1)(guarded)
    clear = kept.cache_clear

    def forget() -> None:
        guarded.forget()  # first: else a thread could ask it for the old value once more, which the cache would keep
        clear()

    kept.cache_clear = forget  # type: ignore[method-assign]  # whoever clears the cache means the value
    return kept
