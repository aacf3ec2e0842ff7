"""Keyset pages: a page begins after (or ends before) an id, so that rows added meanwhile shift nothing."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Generic, Literal, Protocol, TypeVar
from urllib.parse import urlencode

from pydantic import Field

from chalicelib.api.operations import Call, QuerySchema, Schema
from chalicelib.domain.limits import BIGGEST_ID
from chalicelib.domain.paging import Counter, Slice

Cursor = Annotated[str, Field(pattern=r"^(after|before):[0-9]{1,18}$", examples=["after:7"])]
MAX_PAGE = 500
_MAX_ANCHOR = 10**18 - 1


class PageQuery(QuerySchema):
    """What every list takes. `next` and `previous` of an answer are made of these: follow them rather than build them."""

    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE)] | None = Field(default=None, description="How many, 50 if not said")
    cursor: Cursor | None = Field(default=None, description="Where the page begins (`after:`) or ends (`before:`), by id")
    count: bool = Field(
        default=False, description="true: the answer holds `count`, how many there are on all pages, and `count_is_estimate`"
    )
    ordering: Literal["id", "-id"] = Field(default="id", description="Oldest first, or (`-id`) newest first")


class OwnedQuery(PageQuery):
    """The same for things that have owners."""

    owner: Annotated[int, Field(ge=1, le=BIGGEST_ID)] | None = Field(
        default=None, description="Whose; superusers may name any user, everyone else themselves"
    )


class _HasId(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=_HasId)
Item = TypeVar("Item", bound=Schema)

MAX_BYTES = 4_500_000
"""Of a list in an answer. A Lambda function answers 6 MB at most, headers and all, and its runtime writes the body as a JSON string: each
quotation mark becomes two bytes, and each letter that is not ASCII six."""


def fitting(items: Iterable[Item], *, room: int = MAX_BYTES) -> list[Item]:
    """The first of these, as many as fit into `room` bytes of an answer; one in any case."""
    kept: list[Item] = []
    for item in items:
        room -= len(json.dumps(item.model_dump_json()))
        if room < 0 and kept:
            break
        kept.append(item)
    return kept


class Page(Schema, Generic[Item]):
    """One page of a list."""

    results: list[Item]
    next: str | None = Field(description="Where the list goes on; null on its last page", json_schema_extra={"format": "uri"})
    previous: str | None = Field(description="The page before; null on the first", json_schema_extra={"format": "uri"})
    count: int | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="How many there are on all pages; only where `count=true` asked for it",
    )
    count_is_estimate: bool | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="true: counting took more than a second, and `count` is the database's guess",
    )


def wanted(call: Call[object, PageQuery]) -> Slice:
    """The slice of rows that the query asks for, one row longer than the page: the last one tells whether there is more."""
    query = call.query
    size = min(query.page_size or call.settings.page_size_default, call.settings.page_size_max)
    side, _, anchor = (query.cursor or "").partition(":")
    return Slice(
        after=int(anchor) if side == "after" else None,
        before=int(anchor) if side == "before" else None,
        descending=query.ordering == "-id",
        limit=size + 1,
        counter=Counter() if query.count else None,
    )


def shown(
    call: Call[object, PageQuery],
    part: Slice,
    rows: Sequence[Row],
    show: Callable[[Row], Item],
    *,
    path: str | None = None,
    room: int = MAX_BYTES,
) -> Page[Item]:
    """The page made of what `part` (from `wanted`) found, with its links. `path` is the list's own unless this is a part of another.

    What does not fit into `room` bytes is left to the next page (the previous one, where the page was read backwards).
    """
    backwards = part.before is not None
    more = len(rows) == part.limit
    kept = list(rows[1:] if backwards else rows[:-1]) if more else list(rows)
    items = fitting((show(row) for row in (reversed(kept) if backwards else kept)), room=room)
    if len(items) < len(kept):
        more = True
        kept = kept[-len(items) :] if backwards else kept[: len(items)]
    if backwards:
        items.reverse()
    ahead, behind = (True, more) if backwards else (more, part.after is not None)
    following = f"after:{kept[-1].id}" if kept and ahead else None
    preceding = f"before:{kept[0].id}" if kept and behind else None
    if not kept:  # the rows around the anchor are gone, or there never were any: back to the other side of it
        following, preceding = _around(part)
    return Page(
        results=items,
        next=_link(call, path, following),
        previous=_link(call, path, preceding),
        count=part.counter.number if part.counter else None,
        count_is_estimate=part.counter.is_estimate if part.counter else None,
    )


def _around(part: Slice) -> tuple[str | None, str | None]:
    step = -1 if part.descending else 1
    if part.after is not None:
        return None, f"before:{min(max(part.after + step, 0), _MAX_ANCHOR)}"
    if part.before is not None:
        return f"after:{min(max(part.before - step, 0), _MAX_ANCHOR)}", None
    return None, None


def _link(call: Call[object, PageQuery], path: str | None, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    kept = {name: value for name, value in call.query_values.items() if name != "cursor"}
    return f"{call.base_url}{path or call.path}?{urlencode({**kept, 'cursor': cursor}, doseq=True, safe=':')}"
