"""What a process makes once and keeps: engines and clients, which hold connections."""

from collections.abc import Callable
from functools import lru_cache, update_wrapper
from threading import Lock
from typing import Generic, TypeVar

_Made = TypeVar("_Made")


class once(Generic[_Made]):  # noqa: N801 - a decorator
    """Decorate a function whose value is made at the first call and kept.

    Threads whose first calls come together wait for one of them: `lru_cache` alone lets each make a value, and all but one are lost with
    their connections open.
    """

    def __init__(self, make: Callable[[], _Made]) -> None:
        self._kept = lru_cache(maxsize=1)(make)
        self._making = Lock()
        self.cache_clear = self._kept.cache_clear
        self.cache_info = self._kept.cache_info
        update_wrapper(self, make)

    def __call__(self) -> _Made:
        """Return the value."""
        with self._making:
            return self._kept()
