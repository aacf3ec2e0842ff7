"""Providers, for superusers."""

from http import HTTPStatus
from typing import Literal

from pydantic import Field

from chalicelib.api import pages
from chalicelib.api.operations import Call, NoBody, NoQuery, Schema, operation, partial
from chalicelib.api.pages import Page, PageQuery
from chalicelib.api.schemas.fields import Id, Moment, ProviderName
from chalicelib.domain import limits
from chalicelib.services import providers
from chalicelib.services.providers import NewProvider, ProviderView

_TAG = "providers"
KindName = Literal["contract", "aws_sms", "twilio", "infobip", "smsc", "http"]


class ProviderIn(Schema):
    """A provider to be added. Its credential is not among this: it stands in the service's secret, as `providers.<name>`."""

    name: ProviderName
    kind: KindName = Field(description="The API that it speaks")
    url: str = Field(
        default="", max_length=limits.PROVIDER_URL_LENGTH, description="Its address, where the kind has no common one"
    )
    sender: str = Field(default="", max_length=limits.PROVIDER_SENDER_LENGTH, description="What recipients see")
    options: str = Field(
        default="",
        max_length=limits.PROVIDER_OPTIONS_LENGTH,
        description="For the kind `http`: the description of its API, as JSON",
    )
    honours_key: bool = Field(
        default=False, description="true: it delivers once, however often it is called with one id; calls may be repeated"
    )
    rate: int = Field(default=0, ge=0, le=limits.RATE, description="Calls a second; 0: any number")
    enabled: bool = Field(default=True, description="false: it is not called")
    position: int = Field(default=0, ge=0, le=limits.RATE, description="Its place in the default order, the lowest first")


@partial
class ProviderPatch(ProviderIn):
    """What is to change of a provider: what is not named stays. Its name never changes."""


class ProviderOut(Schema):
    """A provider."""

    id: Id
    name: str
    kind: str
    url: str
    sender: str
    options: str
    honours_key: bool
    rate: int
    enabled: bool
    position: int
    credential: bool = Field(description="Is there a credential of it in the service's secret?")
    environment: bool = Field(
        description="true: it is the provider of the deployment's settings; only `enabled` and `position` change"
    )
    problem: str = Field(description="Why it cannot be called; empty if it can")
    updated_at: Moment


def show(found: ProviderView) -> ProviderOut:
    """A provider as the API shows it: without its credential."""
    row = found.row
    return ProviderOut(
        id=row.id,
        name=row.name,
        kind=row.kind,
        url=row.url,
        sender=row.sender,
        options=row.options,
        honours_key=row.honours_key,
        rate=row.rate,
        enabled=row.enabled,
        position=row.position,
        credential=found.credential,
        environment=found.environment,
        problem=found.problem,
        updated_at=row.updated_at,
    )


@operation("List providers", tag=_TAG, errors=(HTTPStatus.FORBIDDEN,))
def page(call: Call[NoBody, PageQuery]) -> Page[ProviderOut]:
    """For superusers."""
    part = pages.wanted(call)
    return pages.shown(call, part, providers.page(call.engine, call.principal, call.settings, part), show)


@operation("Create a provider", tag=_TAG, status=HTTPStatus.CREATED, errors=(HTTPStatus.FORBIDDEN,))
def create(call: Call[ProviderIn, NoQuery]) -> ProviderOut:
    """For superusers. Put its credential into the service's secret first, as `providers.<name>`."""
    return show(providers.create(call.engine, call.principal, call.settings, NewProvider(**call.body.model_dump())))


@operation("Get a provider", tag=_TAG, errors=(HTTPStatus.FORBIDDEN,))
def get(call: Call[NoBody, NoQuery]) -> ProviderOut:
    """For superusers."""
    return show(providers.get(call.engine, call.principal, call.settings, call.id_of("provider")))


@operation("Update a provider", tag=_TAG, errors=(HTTPStatus.FORBIDDEN,))
def change(call: Call[ProviderPatch, NoQuery]) -> ProviderOut:
    """For superusers. What is sent from now on is sent as said here; a provider that is not enabled is not called at all."""
    return show(providers.edit(call.engine, call.principal, call.settings, call.id_of("provider"), call.body.named))


@operation("Delete a provider", tag=_TAG, errors=(HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT))
def delete(call: Call[NoBody, NoQuery]) -> None:
    """For superusers. One that a mailing names which is not over is disabled instead: 409."""
    providers.delete(call.engine, call.principal, call.settings, call.id_of("provider"))
