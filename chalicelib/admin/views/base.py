"""What all lists share: reading through the library, writing through the services, everyone their own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from sqlalchemy import Select, func, select
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette_admin import RowActionsDisplayType
from starlette_admin.actions import ActionSelection
from starlette_admin.contrib.sqla import ModelView
from starlette_admin.exceptions import ActionFailed
from starlette_admin.export import ExportConfig
from starlette_admin.export.csv import CsvExporter
from starlette_admin.fields import BaseField
from starlette_admin.i18n import gettext
from starlette_admin.types import ListParams, RequestAction
from starlette_admin.widgets import BaseWidget

from chalicelib.admin.access import principal_of
from chalicelib.admin.errors import shown_as_alert
from chalicelib.admin.fields import as_typed, moment, whole
from chalicelib.admin.filters import Registry
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import NotFoundError, ServiceError
from chalicelib.domain.paging import Slice
from chalicelib.services import audit, history
from chalicelib.services.audit import Event
from chalicelib.services.history import Kind
from chalicelib.storage.engine import autocommit, engine
from chalicelib.storage.models import Base

AnySelect = Select[*tuple[Any, ...]]
_LINKS = ("view", "edit", "schedule", "send_now")  # row actions of the library's that are addresses, and nothing to be done
_MOST_FILTER, _MOST_CONDITIONS = 4_000, 50
MAX_FILE = 4_000_000
"""Bytes of an export: a Lambda function answers 6 MB at most, and a file goes in base64."""
_LAST_PAGE = 10**9  # of the library's: times the size of a page it still is a number that PostgreSQL can skip


class SafeCsv(CsvExporter):
    """CSV that spreadsheets read: nothing in it is a formula, and its alphabet is told by a mark at the beginning.

    Its headers are the names of the fields, in every language the same: a file of clients can be imported again.
    """

    def __init__(self) -> None:
        super().__init__(escape_formulas=True)

    async def generate(self, fields: list[BaseField], rows: list[dict[str, Any]]) -> bytes:
        """The file."""
        named = [replace(field, label=field.name) for field in fields]
        file = "\ufeff".encode() + await super().generate(named, rows)
        if len(file) > MAX_FILE:
            message = gettext(
                "The file would have %(size)s MB, and %(most)s are possible: filter the list, and export it in parts."
            )
            raise ActionFailed(message % {"size": f"{len(file) / 1e6:.1f}", "most": f"{MAX_FILE / 1e6:.1f}"})
        return file


class ServiceView(ModelView):
    """A list of one table's rows. Subclasses say how a row is made, changed and removed: through a service."""

    model_class: ClassVar[type[Base]]
    owned: ClassVar[bool] = True
    history_kind: ClassVar[Kind | None] = None
    importers: Sequence[Any] = ()
    page_size = 25
    page_size_options: Sequence[int] = (10, 25, 50, 100)
    row_actions_display_type = RowActionsDisplayType.ICON_LIST
    detail_template = "admin/detail.html"
    edit_template = "admin/edit.html"

    def __init__(self) -> None:
        self.exporters = [SafeCsv()]
        super().__init__(self.model_class)

    # Reading

    def mine(self, request: Request, statement: AnySelect) -> AnySelect:
        """The part of `statement` that the asker may see."""
        owner_id = principal_of(request).owner_filter
        if owner_id is None or not self.owned:
            return statement
        return statement.where(self.model_class.__table__.c.owner_id == owner_id)

    def get_list_query(self, request: Request) -> AnySelect:
        """Rows."""
        return self.mine(request, select(self.model_class))

    def get_count_query(self, request: Request) -> AnySelect:
        """How many."""
        return self.mine(request, select(func.count()).select_from(self.model_class))

    def get_filter_registry(self) -> Registry:
        """Which filters the builder offers."""
        return Registry()

    async def find_by_pk(self, request: Request, pk: Any) -> Any:
        """A row; None for what is no id."""
        return await super().find_by_pk(request, pk) if whole(pk) is not None else None

    async def find_by_pks(self, request: Request, pks: list[Any]) -> Sequence[Any]:
        """Rows."""
        return await super().find_by_pks(request, [pk for pk in pks if whole(pk) is not None])

    def id_of(self, pk: Any) -> int:
        """The id that an action is asked about. Raises NotFoundError for what is none."""
        number = whole(pk)
        if number is None:
            raise NotFoundError(str(self.key))
        return number

    async def handle_row_action(self, request: Request, pk: Any, name: str) -> Response | None:
        """An action on one row, which must be given by its id."""
        if name in _LINKS:
            raise ActionFailed(gettext("Invalid row action"))
        with shown_as_alert():
            self.id_of(pk)
        # The library says "Forbidden" to this, too, which would be a 403 in the audit log.
        obj = await self.find_by_pk(request, pk) if await self.is_row_action_allowed(request, name) else None
        if obj is not None and not await self.is_row_action_allowed_for_obj(request, name, obj):
            raise ActionFailed(gettext("This is not possible in its present state. Reload the page."))
        return await super().handle_row_action(request, pk, name)

    async def _export_resolve_items(
        self, request: Request, selection: ActionSelection, scope: str, list_params: ListParams, export_config: ExportConfig
    ) -> Sequence[Any]:
        if scope == "all":
            selection = ActionSelection(self, request, None, list_params.filters, list_params.q)
        items = await super()._export_resolve_items(request, selection, scope, list_params, export_config)
        with autocommit(engine()) as connection:
            audit.record(connection, Event.EXPORTED, what=str(self.key), rows=len(items))
        return items

    def _parse_list_params(self, request: Request, query_params: QueryParams | None = None) -> ListParams:
        found = super()._parse_list_params(request, query_params)
        return replace(found, page=min(found.page, _LAST_PAGE))

    @staticmethod
    def _parse_filter_string(raw: str) -> Any:
        # The library takes a time that grows with the square of the length.
        if len(raw) > _MOST_FILTER:
            raise ValueError(f"at most {_MOST_FILTER} characters")
        found = ModelView._parse_filter_string(raw)
        if _conditions(found) > _MOST_CONDITIONS:
            raise ValueError(f"at most {_MOST_CONDITIONS} conditions")
        return found

    def can_access_field(self, request: Request, field: BaseField, action: RequestAction | None = None) -> bool:
        """Owners are for superusers: everyone else sees nothing but their own."""
        if field.name == "owner_id" and not principal_of(request).is_superuser:
            return False
        return super().can_access_field(request, field, action)

    async def get_pk_value(self, request: Request, obj: Any) -> Any:
        """The id, of a model and of what services return alike."""
        return obj.id

    def history_of(self, request: Request, row_id: int) -> list[dict[str, Any]] | None:
        """Who changed what and when, the newest first; None for things whose changes are not written down."""
        if self.history_kind is None:
            return None
        try:
            found = history.page(engine(), principal_of(request), self.history_kind, row_id, Slice(limit=50, descending=True))
        except ServiceError:
            return []
        labels = {field.name: str(field.label) for field in self.fields}
        return [
            {
                "at": moment(each.at),
                "who": each.username,
                "what": gettext(each.action).replace("_", " ").capitalize(),
                "changes": [
                    (labels.get(name, gettext(name)), *(_short(value) for value in pair)) for name, pair in each.changes.items()
                ],
            }
            for each in found
        ]

    def heading(self, obj: Any) -> str:
        """What a thing is called, above its page and in messages about it."""
        return f"#{obj.id}"

    async def repr(self, obj: Any, request: Request) -> str:
        """The same, for the library."""
        return self.heading(obj)

    # Writing

    def resolve_form_layout(
        self, request: Request, obj: Any = None, errors: Mapping[Any, Any] | None = None
    ) -> BaseWidget | None:
        """The form; one that comes back holds what was typed, and not how it was read; but no password."""
        if errors is not None:
            obj = {name: None if name == "password" else as_typed(value) for name, value in obj.items()}
        return super().resolve_form_layout(request, obj, errors)

    def version_of(self, request: Request, row_id: int) -> str:
        """The version of a thing whose lost updates are found; nothing for others."""
        del request, row_id
        return ""

    def form_version(self, request: Request, row_id: int) -> str:
        """The version that a form was opened with; one that comes back keeps it."""
        posted: str | None = getattr(request.state, "form_version", None)
        return self.version_of(request, row_id) if posted is None else posted

    async def expected(self, request: Request) -> frozenset[str] | None:
        """The version that the form was opened with, for the service to compare."""
        posted = (await request.form()).get("version")
        if not isinstance(posted, str):
            return None
        request.state.form_version = posted
        return frozenset({posted})

    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        """Removes rows one by one; stops at the first that a service refuses, and says so."""
        principal, done = principal_of(request), 0
        for pk in pks:
            try:
                with shown_as_alert():
                    self.remove(principal, self.id_of(pk))
            except ActionFailed as refusal:
                if len(pks) == 1:
                    raise
                message = gettext("%(done)d of %(all)d deleted, then #%(pk)s: %(why)s")
                raise ActionFailed(message % {"done": done, "all": len(pks), "pk": pk, "why": refusal.msg}) from None
            done += 1
        return done

    def remove(self, principal: Principal, row_id: int) -> None:
        """Removes one row. Raises ServiceError."""
        raise NotImplementedError

    def dependents(self, request: Request, ids: list[int]) -> str:
        """What goes with these rows, for the question before they are deleted; nothing to say by default."""
        del request, ids
        return ""


def _conditions(node: Any) -> int:
    rules = node.get("rules") if isinstance(node, dict) else None
    return sum(map(_conditions, rules)) if isinstance(rules, list) else 1


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else "—" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
