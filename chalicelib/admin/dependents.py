"""What goes with rows that are to be deleted, in words."""

from sqlalchemy import ColumnElement, func, select
from starlette_admin.i18n import gettext

from chalicelib.admin.fields import count_of
from chalicelib.domain.access import Principal
from chalicelib.domain.status import MessageStatus
from chalicelib.storage.engine import autocommit, engine
from chalicelib.storage.models import ApiToken, Message


def of_clients(principal: Principal, ids: list[int]) -> str:
    """Messages to these clients, and how many of them still wait."""
    total, waiting = _messages(principal, Message.client_id.in_(ids))
    if not total:
        return ""
    return " ".join(
        (
            count_of(
                total,
                "%(n)s message was for them and stays in the statistics.",
                "%(n)s messages were for them and stay in the statistics.",
            ),
            count_of(
                waiting, "%(n)s of these is waiting and will not be sent.", "%(n)s of these are waiting and will not be sent."
            ),
        )
    )


def of_mailings(principal: Principal, ids: list[int]) -> str:
    """Messages of these mailings."""
    total, _waiting = _messages(principal, Message.mailing_id.in_(ids))
    deleted = count_of(total, "%(n)s message is deleted with it.", "%(n)s messages are deleted with it.")
    kept = gettext("Who got which message can then no longer be looked up; how many were sent stays in the statistics.")
    return f"{deleted} {kept}" if total else deleted


def of_users(ids: list[int]) -> str:
    """API tokens of these users; users who own anything cannot be deleted."""
    with autocommit(engine()) as connection:
        tokens = connection.execute(select(func.count()).select_from(ApiToken).where(ApiToken.user_id.in_(ids))).scalar_one()
    return count_of(tokens, "%(n)s API token is deleted with it.", "%(n)s API tokens are deleted with it.")


def _messages(principal: Principal, chosen: ColumnElement[bool]) -> tuple[int, int]:
    waiting = func.count().filter(Message.status == int(MessageStatus.WAITING))
    statement = select(func.count(), waiting).where(chosen, Message.deleted_at.is_(None))
    if principal.owner_filter is not None:
        statement = statement.where(Message.owner_id == principal.owner_filter)
    with autocommit(engine()) as connection:
        row = connection.execute(statement).one()
    return int(row[0]), int(row[1])
