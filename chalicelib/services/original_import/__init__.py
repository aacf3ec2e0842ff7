"""Import the tables of the original, a Django project, into ours: users, clients, mailings and messages with their owners and statuses.

A dry run does all of it in a transaction that is rolled back. Nothing is guessed silently: what cannot be imported unchanged stands in the
report with its id. Nothing that the original sent, or may have sent, is ever sent by us:

- a mailing that is over is finished here, and its messages are final;
- one that is under way is paused, its sent messages are final, and only those that the original says still wait may go out, once a
  person resumes it. A message that failed there has no phone here, so that nobody can have it tried again: the provider would take it
  for another message;
- one that has not begun is a draft.

Rows are read and written a page at a time, and which row became which of ours is looked up in the table `original_row`: memory does not
grow with the original's database. Lines about single rows are therefore handed on as they arise, and not kept.
"""

from collections.abc import Callable

from sqlalchemy import Engine, func, select, text

from chalicelib.domain.words import counted
from chalicelib.services.original_import import clients, mailings, messages, users
from chalicelib.services.original_import.job import ImportJob, ImportOptions, ImportReport, OriginalError
from chalicelib.storage import original

__all__ = ["ImportOptions", "ImportReport", "OriginalError", "run"]


def run(source: Engine, target: Engine, options: ImportOptions, tell: Callable[[str], None]) -> ImportReport:
    """Import all that is not there yet; all or nothing. `tell` is given a line about each row that cannot be imported unchanged.

    Raises OriginalError.
    """
    with source.connect() as reading, target.connect() as writing:
        reading.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        if lacking := original.missing(reading, options.tables):
            raise OriginalError(
                f"the original's database lacks {', '.join(lacking)}: name its app by --app and its users by --users"
            )
        writing.execute(text("SET LOCAL statement_timeout = 0"))
        writing.execute(text("SELECT pg_advisory_xact_lock(7105083)"))  # two imports at once must not import a row twice
        now = writing.execute(select(func.now())).scalar_one()
        job = ImportJob(reading, writing, options, ImportReport(options.apply), tell, now)
        users.take(job)
        clients.take(job)
        unfinished = mailings.take(job)
        messages.take(job)
        if not options.apply:
            writing.rollback()
            return job.report
        if unfinished and not options.original_is_stopped:
            raise OriginalError(
                f"{counted(unfinished, 'mailing is', 'mailings are')} not over, and the original would send them, too:"
                " stop it (web, Celery workers and beat), then say so by --original-is-stopped"
            )
        original.skip_message_ids(writing, original.highest_message_id(reading, options.tables))
        writing.commit()
        return job.report
