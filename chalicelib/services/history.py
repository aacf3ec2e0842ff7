"""Who changed what, and when: written by the use case that changes it, in its transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine

from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ForbiddenError, NotFoundError
from chalicelib.domain.paging import Slice
from chalicelib.storage import clients, history, mailing_reads, message_reads, providers, users
from chalicelib.storage.engine import autocommit
from chalicelib.storage.history import HistoryRow

TEST_SEND = "test_send"
"""The action of a test message. Its phone stands in the history, where the owner sees it, and in no log."""


class Kind(StrEnum):
    """Things whose changes are written down."""

    CLIENT = "client"
    MAILING = "mailing"
    USER = "user"
    DO_NOT_CONTACT = "do_not_contact"
    PROVIDER = "provider"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `action` is a word (`create`, `update`, `pause` …), `changes` names each field with its old and new value."""

    kind: Kind
    object_id: int
    owner_id: int
    action: str
    changes: Mapping[str, list[Any]] = field(default_factory=dict)


def note(connection: Connection, principal: Principal, *changes: Change) -> None:
    """Writes the changes down as this user's, in the transaction that makes them."""
    rows = [
        {
            "kind": str(change.kind),
            "object_id": change.object_id,
            "owner_id": change.owner_id,
            "action": change.action,
            "changes": dict(change.changes),
        }
        for change in changes
    ]
    if rows:
        history.add(connection, principal.user_id, principal.username, rows)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """`{field: [old, new]}` of the fields whose values differ."""
    return {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}


def page(source: Engine, principal: Principal, kind: Kind, object_id: int, part: Slice) -> list[HistoryRow]:
    """A slice of a thing's history, also of one that was deleted. Raises NotFoundError if it never was the asker's to see."""
    owner_id = principal.owner_filter
    if kind is Kind.PROVIDER and owner_id is not None:
        raise ForbiddenError("only superusers manage providers")
    if not limits.is_id(object_id):
        raise NotFoundError(str(kind))
    with autocommit(source) as connection:
        found = history.page(connection, owner_id, kind, object_id, part)
        if not found and not _EXISTS[kind](connection, owner_id, object_id) and not _was(connection, owner_id, kind, object_id):
            raise NotFoundError(str(kind))
    return found


def _was(connection: Connection, owner_id: int | None, kind: Kind, object_id: int) -> bool:
    return bool(history.page(connection, owner_id, kind, object_id, Slice(limit=1)))


_EXISTS: Mapping[Kind, Callable[[Connection, int | None, int], bool]] = {
    Kind.CLIENT: lambda connection, owner_id, object_id: clients.find(connection, owner_id, object_id) is not None,
    Kind.MAILING: lambda connection, owner_id, object_id: mailing_reads.find(connection, owner_id, object_id) is not None,
    Kind.MESSAGE: lambda connection, owner_id, object_id: message_reads.find(connection, owner_id, object_id) is not None,
    Kind.USER: lambda connection, owner_id, object_id: owner_id in (None, object_id) and users.exists(connection, object_id),
    Kind.PROVIDER: lambda connection, owner_id, object_id: owner_id is None and providers.find(connection, object_id) is not None,
}
