"""Keep the failure of one item from stopping a loop over many."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib.observability import log_exception
from chalicelib.storage.engine import database_away


@dataclass(slots=True)
class Isolation:
    """Isolate the items of one pass and count those that failed."""

    failures: int = 0

    @contextmanager
    def item(self, step: str, **ids: Any) -> Iterator[None]:
        """Log and count whatever the body raises, and go on.

        Only an unreachable database is raised: every further item would wait for it and fail as well, and the pass is repeated a
        minute later. Everything else belongs to the item: data that cannot be read, a lock or statement timeout, a deadlock, an AWS
        error, a bug that one row reveals.
        """
        try:
            yield
        except Exception as error:
            if database_away(error):
                raise
            self.failures += 1
            log_exception("item_failed", step=step, **ids)
