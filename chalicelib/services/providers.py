"""Use cases around providers, for superusers: their accounts, and whether they answer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from sqlalchemy import Connection, Engine

from chalicelib.config import ConfigurationError, Settings
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError, FieldCode, FieldError, ForbiddenError, InvalidInputError, NotFoundError
from chalicelib.domain.paging import Slice
from chalicelib.providers import KINDS, Provider, accounts
from chalicelib.services import history
from chalicelib.services.history import Change, Kind
from chalicelib.storage import gates, providers
from chalicelib.storage.engine import autocommit
from chalicelib.storage.providers import ProviderRow

_OF_PEOPLE: Final = frozenset({"enabled", "position"})
"""What can be changed of the environment's provider: the rest are settings of the deployment."""


@dataclass(frozen=True, slots=True)
class NewProvider:
    """What is said of a provider."""

    name: str
    kind: str
    url: str = ""
    sender: str = ""
    options: str = ""
    honours_key: bool = False
    rate: int = 0
    enabled: bool = True
    position: int = 0


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider as superusers see it. `credential`: is there one in the service's secret? `problem`: why it cannot be called."""

    row: ProviderRow
    credential: bool
    environment: bool
    problem: str

    @property
    def id(self) -> int:
        """Its id, by which pages are cut."""
        return self.row.id


def page(source: Engine, principal: Principal, chosen: Settings, part: Slice) -> list[ProviderView]:
    """Return a slice of the providers. Raises ForbiddenError."""
    _require_superuser(principal)
    with autocommit(source) as connection:
        return [view(chosen, row) for row in providers.page(connection, part)]


def get(source: Engine, principal: Principal, chosen: Settings, provider_id: int) -> ProviderView:
    """Return one provider. Raises ForbiddenError, NotFoundError."""
    _require_superuser(principal)
    with autocommit(source) as connection:
        return view(chosen, _found(connection, provider_id))


def create(source: Engine, principal: Principal, chosen: Settings, new: NewProvider) -> ProviderView:
    """Add a provider. Raises ForbiddenError, InvalidInputError."""
    _require_superuser(principal)
    said = asdict(new)
    _refuse_wrong(chosen, said)
    with source.begin() as connection:
        if providers.by_name(connection, new.name) is not None:
            raise InvalidInputError(FieldError("name", "another provider has this name", FieldCode.TAKEN))
        row = providers.add(connection, said)
        _note(connection, principal, row.id, "create", history.differences({}, said))
    return view(chosen, row)


def edit(source: Engine, principal: Principal, chosen: Settings, provider_id: int, changes: Mapping[str, Any]) -> ProviderView:
    """Change fields of NewProvider by name. Raises ForbiddenError, NotFoundError, InvalidInputError."""
    _require_superuser(principal)
    with source.begin() as connection:
        row = _found(connection, provider_id, lock=True)
        before = {each.name: getattr(row, each.name) for each in fields(NewProvider)}
        changed = {name: value for name, value in changes.items() if before[name] != value}
        _refuse_fixed(chosen, row, changed)
        if not changed:
            return view(chosen, row)
        _refuse_wrong(chosen, before | changed, only=None if changed.keys() - _OF_PEOPLE else _OF_PEOPLE)
        row = providers.change(connection, provider_id, changed)
        _note(connection, principal, provider_id, "update", history.differences(before, changed))
    return view(chosen, row)


def delete(source: Engine, principal: Principal, chosen: Settings, provider_id: int) -> None:
    """Delete a provider. Raises ForbiddenError, NotFoundError, ConflictError for one that is in use."""
    _require_superuser(principal)
    with source.begin() as connection:
        row = _found(connection, provider_id, lock=True)
        if row.name == chosen.provider_name:
            raise ConflictError("it is the provider of the deployment's settings: it can be disabled, not deleted")
        if providers.is_used(connection, row.name):
            raise ConflictError("mailings that are not over name it: it can be disabled")
        providers.remove(connection, provider_id)
        _note(connection, principal, provider_id, "delete", {"name": [row.name, None]})


def probe(source: Engine, principal: Principal, provider_id: int) -> None:
    """Let the next message through an open circuit breaker, as a probe, without waiting for its time.

    Raises ForbiddenError, NotFoundError, ConflictError.
    """
    _require_superuser(principal)
    with source.begin() as connection:
        row = _found(connection, provider_id, lock=True)
        if not gates.probe_now(connection, row.name):
            raise ConflictError("its circuit breaker is closed: nothing holds messages back")
        _note(connection, principal, provider_id, "probe", {})


def provider_named(connection: Connection, chosen: Settings, name: str | None, environment: Provider) -> Provider:
    """Return the provider of this name, for a test send; None: the environment's. Raises InvalidInputError."""
    if name is None or name == chosen.provider_name:
        return environment
    row = providers.by_name(connection, name)
    if row is None:
        known = ", ".join(providers.names(connection)) or "none"
        raise InvalidInputError(FieldError("provider", f"no provider has this name; there are: {known}", FieldCode.NOT_ALLOWED))
    try:
        return accounts.ready(chosen, row)[1]
    except ConfigurationError as error:
        raise InvalidInputError(FieldError("provider", f"it cannot be called: {error}", FieldCode.NOT_ALLOWED)) from None


def view(chosen: Settings, row: ProviderRow) -> ProviderView:
    """Return a provider with what the settings of this process say of it."""
    environment = row.name == chosen.provider_name
    token = chosen.provider_token if environment else chosen.providers.get(row.name)
    problem = ""
    try:
        accounts.ready(chosen, row)
    except ConfigurationError as error:
        problem = str(error)
    return ProviderView(row, bool(token and token.get_secret_value()), environment, problem)


def _require_superuser(principal: Principal) -> None:
    if not principal.is_superuser:
        raise ForbiddenError("only superusers manage providers")


def _found(connection: Connection, provider_id: int, *, lock: bool = False) -> ProviderRow:
    row = providers.find(connection, provider_id, lock=lock) if limits.is_id(provider_id) else None
    if row is None:
        raise NotFoundError("provider")
    return row


def _refuse_fixed(chosen: Settings, row: ProviderRow, changed: Mapping[str, Any]) -> None:
    if "name" in changed:
        why = "a name never changes: messages that were handed to the provider bear it"
        raise InvalidInputError(FieldError("name", why, FieldCode.NOT_ALLOWED))
    if row.name == chosen.provider_name and changed.keys() - _OF_PEOPLE:
        why = "it is a setting of the deployment; only enabled and position can be changed here"
        raise InvalidInputError(*(FieldError(name, why, FieldCode.NOT_ALLOWED) for name in sorted(changed.keys() - _OF_PEOPLE)))


def _refuse_wrong(chosen: Settings, said: Mapping[str, Any], *, only: frozenset[str] | None = None) -> None:
    """Raises InvalidInputError for what is wrong, in the fields `only` if they are given."""
    found = [*_problems(said), *([] if only else _account_problems(chosen, said))]
    if only is not None:
        found = [each for each in found if each.field in only]
    if found:
        raise InvalidInputError(*found)


def _problems(said: Mapping[str, Any]) -> list[FieldError]:
    found = limits.flag_problems(honours_key=said["honours_key"], enabled=said["enabled"])
    if not isinstance(said["name"], str) or not limits.PROVIDER_NAME.fullmatch(said["name"]):
        found.append(FieldError("name", limits.PROVIDER_NAME_RULE, FieldCode.WRONG_FORMAT))
    if not isinstance(said["kind"], str) or said["kind"] not in KINDS:
        found.append(FieldError("kind", f"one of {', '.join(KINDS)}", FieldCode.NOT_ALLOWED))
    for name, most in _LENGTHS.items():
        if said[name] != "":
            found += limits.text_problems(name, said[name], most)
    for name in ("rate", "position"):
        if type(said[name]) is not int or not 0 <= said[name] <= limits.RATE:
            found.append(FieldError(name, f"a whole number from 0 to {limits.RATE}", FieldCode.OUT_OF_RANGE))
    return found


_LENGTHS: Final = {
    "url": limits.PROVIDER_URL_LENGTH,
    "sender": limits.PROVIDER_SENDER_LENGTH,
    "options": limits.PROVIDER_OPTIONS_LENGTH,
}


def _account_problems(chosen: Settings, said: Mapping[str, Any]) -> list[FieldError]:
    """What the kind of provider says of its settings; a credential that is not there yet is no problem of theirs."""
    kind = KINDS.get(said["kind"]) if isinstance(said["kind"], str) else None
    if kind is None or not isinstance(said["url"], str):
        return []
    found = []
    if said["honours_key"] and not kind.honours_key:
        why = f"must be false: {said['kind']} delivers twice what it is given twice"
        found.append(FieldError("honours_key", why, FieldCode.CONTRADICTION))
    if not said["url"] and kind.url is None:
        found.append(FieldError("url", f"is needed for the kind {said['kind']}", FieldCode.REQUIRED))
    if said["url"] and (why := _url_problem(chosen, said["url"])):
        found.append(FieldError("url", why, FieldCode.WRONG_FORMAT))
    return found


def _url_problem(chosen: Settings, url: str) -> str:
    try:
        chosen.with_provider(provider_url=url)
    except ConfigurationError:
        return f"must be {'http:// or ' if chosen.stage == 'local' else ''}https://host[:port][/path], without user name, query or fragment"
    return ""


def _note(connection: Connection, principal: Principal, provider_id: int, action: str, changes: Mapping[str, list[Any]]) -> None:
    history.note(connection, principal, Change(Kind.PROVIDER, provider_id, principal.user_id, action, changes))
