"""History, the same for each kind of thing."""

from chalicelib.api import pages
from chalicelib.api.operations import Call, NoBody, operation
from chalicelib.api.pages import Page, PageQuery
from chalicelib.api.schemas.history import HistoryOut, show
from chalicelib.services import history
from chalicelib.services.history import Kind


def _page(call: Call[NoBody, PageQuery], kind: Kind) -> Page[HistoryOut]:
    """A page of the history of the thing whose id is in the path."""
    part = pages.wanted(call)
    return pages.shown(call, part, history.page(call.engine, call.principal, kind, call.id_of(kind), part), show)


@operation("List the changes of a client", tag="clients")
def client(call: Call[NoBody, PageQuery]) -> Page[HistoryOut]:
    """Who changed it and when, also after it was deleted."""
    return _page(call, Kind.CLIENT)


@operation("List the changes of a mailing", tag="mailings")
def mailing(call: Call[NoBody, PageQuery]) -> Page[HistoryOut]:
    """Who changed, started, paused it and when, also after it was deleted."""
    return _page(call, Kind.MAILING)


@operation("List the changes of a message", tag="messages")
def message(call: Call[NoBody, PageQuery]) -> Page[HistoryOut]:
    """Who settled its unknown outcome and when. Its outcome otherwise stands in the message and its calls."""
    return _page(call, Kind.MESSAGE)


@operation("List the changes of a user", tag="users")
def user(call: Call[NoBody, PageQuery]) -> Page[HistoryOut]:
    """Tokens made and revoked, passwords and rights changed. Your own; a superuser sees anyone's."""
    return _page(call, Kind.USER)


@operation("List the changes of a provider", tag="providers")
def provider(call: Call[NoBody, PageQuery]) -> Page[HistoryOut]:
    """For superusers: who added, changed and deleted it, and when."""
    return _page(call, Kind.PROVIDER)
