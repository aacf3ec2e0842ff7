"""Use cases around messages."""

from collections.abc import Mapping

from sqlalchemy import Engine

from chalicelib.domain.access import Principal
from chalicelib.domain.paging import Slice
from chalicelib.domain.status import MessageStatus
from chalicelib.storage import message_reads
from chalicelib.storage.engine import autocommit
from chalicelib.storage.message_reads import MessageFilter, MessageRow


def page(source: Engine, chosen: MessageFilter, part: Slice) -> list[MessageRow]:
    """A slice of the messages that pass the filter, whose `owner_id` says whose are seen."""
    with autocommit(source) as connection:
        return message_reads.page(connection, chosen, part)


def counts(source: Engine, principal: Principal) -> Mapping[MessageStatus, int]:
    """How many messages of each status the asker sees, statuses without any included."""
    with autocommit(source) as connection:
        found = message_reads.counts(connection, principal.owner_filter)
    return {status: found.get(status, 0) for status in MessageStatus}
