"""What an operator does once after the database was restored to an earlier moment: nothing that may have been sent since is sent again.

Between that moment and now messages were sent of which the database knows nothing any more: rows that wait in it, and rows that were
planned later and are gone with their ids.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, text

from chalicelib.config import Settings
from chalicelib.observability import log
from chalicelib.storage import restore, zones
from chalicelib.storage.clock import Clock, database_clock

ID_JUMP = 1_000_000_000
"""How far the message ids are moved on: more than any lost time can have used."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done. `parked` messages and clients became 4 `unknown_outcome`; `called_again` ones are sent under the key they had."""

    paused: list[int]
    parked: int
    clients_parked: int
    called_again: int
    failed_parked: int
    next_message_id: int


def after_restore(
    source: Engine,
    chosen: Settings,
    restored_to: datetime,
    *,
    id_jump: int = ID_JUMP,
    park: Collection[int] = (),
    clock: Clock = database_clock,
) -> Restored:
    """Pauses what would send, parks what may have been sent since `restored_to`, and moves the message ids on. As the tables' owner.

    Of each mailing that is scheduled, running or paused the zones whose window has opened by now are dealt with, and all zones of those
    in `park`: mailings that somebody started early in the lost time. One transaction; harmless to repeat.
    """
    with source.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        now = clock(connection)
        paused = restore.pause(connection, now)
        parked = clients_parked = called_again = 0
        for mailing in restore.unfinished(connection):
            zones.add_missing(connection, mailing.id, mailing.owner_id, mailing.times, now)
            reached = restore.reached_zones(connection, mailing.id, now, everything=mailing.id in park)
            changed = restore.doubt_waiting(connection, mailing.id, reached, honours_key=chosen.provider_honours_key)
            parked, called_again = (
                (parked, called_again + changed) if chosen.provider_honours_key else (parked + changed, called_again)
            )
            clients_parked += restore.park_clients(connection, mailing, reached, now)
        failed = 0 if chosen.provider_honours_key else restore.doubt_failed(connection, restored_to)
        following = restore.move_ids_on(connection, id_jump)
    done = Restored(paused, parked, clients_parked, called_again, failed, following)
    log("restored", paused=paused, parked=parked, clients_parked=clients_parked, called_again=called_again, failed_parked=failed)
    return done
