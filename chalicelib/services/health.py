"""Is the service able to work?"""

from sqlalchemy import Engine, text

from chalicelib.observability import log_exception
from chalicelib.storage.engine import autocommit


def database_answers(source: Engine) -> bool:
    """Does the database answer a query? Why it does not goes to the log."""
    try:
        with autocommit(source) as connection:
            return bool(connection.execute(text("SELECT 1")).scalar_one() == 1)
    except Exception:  # noqa: BLE001 - whatever keeps it from answering, the answer is no
        log_exception("database does not answer")
        return False
