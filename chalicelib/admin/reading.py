"""Reading models for the library's lists: each statement on its own, so that none holds the one connection between two of them."""

from typing import Any

from sqlalchemy import Executable, Result
from sqlalchemy.orm import Session

from chalicelib.storage.engine import autocommit, engine


class ReadSession:
    """What the library takes for a session. Objects come back whole and detached; nothing can be written through it."""

    def execute(self, statement: Executable) -> Result[Any]:
        """The result of a SELECT, read to its end."""
        with autocommit(engine()) as connection, Session(connection, autoflush=False) as session:
            return session.execute(statement).freeze()()
