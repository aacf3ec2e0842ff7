"""What lists can be filtered by, where the library's filters do not fit: codes that are no texts, lists of words, instants."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func
from starlette_admin.contrib.sqla import ModelView
from starlette_admin.contrib.sqla.filters import IsNotNullFilter, IsNullFilter, SqlaFilterRegistry
from starlette_admin.fields import BaseField
from starlette_admin.filters.base import BaseFilter, FilterApplyContext, FilterDataType
from starlette_admin.filters.date import DateTimeBetweenFilter
from starlette_admin.filters.enum import InFilter, NotInFilter
from starlette_admin.filters.registry import filters
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.fields import AttributesField, CodeField, MomentField, OwnerField, WordsField, whole
from chalicelib.domain.characters import VISIBLE, canonical
from chalicelib.domain.personal_text import attribute_name


def _column(ctx: FilterApplyContext) -> ColumnElement[Any]:
    assert isinstance(ctx.view, ModelView)  # noqa: S101 - all lists here are
    column: ColumnElement[Any] = getattr(ctx.view.model, ctx.field_name)
    return column


def _codes(ctx: FilterApplyContext) -> list[Any]:
    """The codes, in the column's own type; what is none matches nothing."""
    if _column(ctx).type.python_type is not int:
        return list(ctx.value)
    return [number for value in ctx.value if (number := whole(value)) is not None and number < 2**31]


class OneOf(InFilter):
    """One of some codes."""

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return _column(ctx).in_(_codes(ctx))


class NoneOf(NotInFilter):
    """None of some codes; no code at all is none of them, too."""

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return _column(ctx).not_in(_codes(ctx)) | _column(ctx).is_(None)


class _Word(BaseFilter):
    data_type = FilterDataType.STRING

    def parse_value(self, raw: Any) -> str:
        return canonical(str(raw))


class HasWord(_Word):
    """A list that holds a word."""

    name = "has"
    label = _("Has")

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return _column(ctx).contains([ctx.value])


class LacksWord(_Word):
    """A list that does not hold a word."""

    name = "lacks"
    label = _("Has not")

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return ~_column(ctx).contains([ctx.value])


class NoWords(BaseFilter):
    """An empty list."""

    name = "empty"
    label = _("Is empty")
    data_type = FilterDataType.NONE

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return func.cardinality(_column(ctx)) == 0


class Between(DateTimeBetweenFilter):
    """Between two moments of the reader's clock."""

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return _column(ctx).between(_instant(ctx.value), _instant(ctx.value2))


class _Moment(DateTimeBetweenFilter):
    has_value2 = False


class After(_Moment):
    """At a moment of the reader's clock, or later."""

    name = "after"
    label = _("From")

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return _column(ctx) >= _instant(ctx.value)


class Before(_Moment):
    """Before a moment of the reader's clock."""

    name = "before"
    label = _("Before")

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return _column(ctx) < _instant(ctx.value)


def _instant(value: datetime) -> datetime:
    """The library hands over UTC without saying so, and PostgreSQL would take it for its own zone."""
    return value.replace(tzinfo=UTC)


class LacksValue(_Word):
    """Attributes without a value of this name that can be seen."""

    name = "lacks_value"
    label = _("Lacks a value of")

    def parse_value(self, raw: Any) -> str:
        """The name of the attribute, as it is stored."""
        return attribute_name(str(raw))

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return ~func.coalesce(_column(ctx)[ctx.value].astext, "").regexp_match(VISIBLE)


class Registry(SqlaFilterRegistry):
    """Which filters a field has."""

    @filters(CodeField, OwnerField)
    def codes(self, field: BaseField) -> list[type[BaseFilter]]:
        """Codes."""
        return [OneOf, NoneOf]

    @filters(WordsField)
    def words(self, field: BaseField) -> list[type[BaseFilter]]:
        """Lists of words."""
        return [HasWord, LacksWord, NoWords]

    @filters(AttributesField)
    def attributes(self, field: BaseField) -> list[type[BaseFilter]]:
        """Values of clients by name."""
        return [LacksValue]

    @filters(MomentField)
    def moments(self, field: BaseField) -> list[type[BaseFilter]]:
        """Instants."""
        return [After, Before, Between, IsNullFilter, IsNotNullFilter]
