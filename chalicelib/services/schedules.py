"""Making sure that a mailing's next run comes: through the queue when it is near, through a schedule when it is far.

Called after the commit that moved `next_run_at`. Nothing here may undo what was committed: what AWS refuses is logged, and
reconcile repairs it within a minute or two.
"""

import math
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from chalicelib import aws
from chalicelib.config import Settings, settings
from chalicelib.domain.status import StartSource
from chalicelib.observability import warn
from chalicelib.storage import mailings
from chalicelib.storage.clock import Clock, database_clock
from chalicelib.storage.engine import LOCK_NOT_AVAILABLE, autocommit, sqlstate

_LOCK_SECONDS = 1
"""How long the note that a schedule exists may wait for the mailing's lock: reconcile makes it up."""


def run_request(mailing_id: int, source: StartSource, hop: int = 0) -> dict[str, int | str]:
    """The body that asks for a run; `hop` counts the turns of a chain."""
    return {"mailing_id": mailing_id, "source": str(source), "hop": hop}


def target(chosen: Settings) -> aws.ScheduleTarget:
    """Where this stage's schedules live."""
    return aws.ScheduleTarget(chosen.schedule_group, chosen.mailings_queue_arn, chosen.schedule_role_arn)


def wake(mailing_id: int, source: StartSource, *, delay: timedelta = timedelta(0), hop: int = 0) -> bool:
    """Asks for a run after `delay`; False (and a line in the log) if SQS could not be reached."""
    try:
        aws.send(
            settings().mailings_queue_url, run_request(mailing_id, source, hop), delay_seconds=math.ceil(delay.total_seconds())
        )
    except aws.AwsError as error:
        warn("wake_failed", mailing_id=mailing_id, error=type(error).__name__)
        return False
    return True


def arrange(source: Engine, mailing_id: int, *, woken_by: StartSource, clock: Clock = database_clock, hop: int = 0) -> bool:
    """Bring queue and schedule in line with the mailing's `next_run_at`; harmless to repeat. False if AWS could not be reached."""
    with autocommit(source) as connection:
        now, wanted = clock(connection), mailings.run_times(connection, mailing_id)
    return wanted is None or follow(source, mailing_id, wanted, now, woken_by=woken_by, hop=hop)


def follow(
    source: Engine, mailing_id: int, wanted: mailings.RunTimes, now: datetime, *, woken_by: StartSource, hop: int = 0
) -> bool:
    """The same for a caller that has just read or written the mailing's times."""
    moment = wanted.next_run_at
    near = moment is not None and moment - now <= timedelta(seconds=settings().soon_seconds)
    reached = True
    if moment is not None and near:
        reached = wake(mailing_id, woken_by, delay=max(moment - now, timedelta(0)), hop=hop)
    scheduled = None if near else moment
    if scheduled != wanted.schedule_at:
        reached = _move_schedule(source, mailing_id, wanted.schedule_at, scheduled) and reached
    return reached


def _move_schedule(source: Engine, mailing_id: int, known: datetime | None, moment: datetime | None) -> bool:
    # Create the new, then delete the old: in between the mailing may be woken twice, which is harmless; never would not be.
    where = target(settings())
    try:
        if moment is not None:
            aws.create_schedule(where, mailing_id, moment, run_request(mailing_id, StartSource.SCHEDULE))
        if known is not None and (
            moment is None or aws.schedule_name(mailing_id, known) != aws.schedule_name(mailing_id, moment)
        ):
            aws.delete_schedule(where, mailing_id, known)
    except aws.AwsError as error:
        warn("schedule_failed", mailing_id=mailing_id, error=type(error).__name__)
        return False
    return _confirm(source, mailing_id, known, moment)


def _confirm(source: Engine, mailing_id: int, known: datetime | None, moment: datetime | None) -> bool:
    try:
        with source.begin() as connection:
            mailings.wait_for_locks(connection, _LOCK_SECONDS)
            mailings.confirm_schedule(connection, mailing_id, known, moment)
    except DBAPIError as error:
        if sqlstate(error) != LOCK_NOT_AVAILABLE:
            raise
        warn("schedule_unconfirmed", mailing_id=mailing_id)
        return False
    return True


def forget(mailing_id: int, known: datetime | None) -> None:
    """Removes the schedule of a mailing that was deleted; one that stays finds no mailing, and reconcile removes it."""
    if known is None:
        return
    try:
        aws.delete_schedule(target(settings()), mailing_id, known)
    except aws.AwsError as error:
        warn("schedule_failed", mailing_id=mailing_id, error=type(error).__name__)
