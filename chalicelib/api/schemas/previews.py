"""What a mailing would do, and test sends."""

from typing import Literal

from pydantic import Field

from chalicelib.api.operations import Schema
from chalicelib.api.schemas.fields import Id, Moment, PhoneIn, ProviderName
from chalicelib.domain.outcome import OutcomeKind
from chalicelib.domain.status import ErrorCode
from chalicelib.domain.window import Obstacle
from chalicelib.services.previews import Preview, Sample, SentTest
from chalicelib.services.text_checks import TextCheck


class ZonePreviewOut(Schema):
    """The selected clients of one time zone."""

    time_zone: str
    clients: int
    opens_at: Moment
    expires_at: Moment
    obstacle: Obstacle | None = Field(
        description="Why nothing can be sent to them: the end is `past`, clocks have `skipped` the window, it is `too_short` for one "
        "call, the sending `hours` never open in it, or the zone is an `unknown_time_zone`; null if something can"
    )


class SampleOut(Schema):
    """The text as one client would read it."""

    client: Id
    text: str | None = Field(description="null if this client would get no message")
    length: int | None
    missing: str | None = Field(description="That attribute")
    error_code: ErrorCode | None = Field(description="Why this client would get no message")


class LackedValueOut(Schema):
    """An attribute that the text asks for and that selected clients lack."""

    name: str
    clients: int = Field(description="How many of the selected lack it")
    has_default: bool = Field(description="true: the text has a default for them")
    nearest: str | None = Field(description="The known name that was probably meant, if no selected client has this one")


class TextOut(Schema):
    """The text over all selected clients."""

    failing: int = Field(description="How many would get no message, because they lack a value")
    lacked: list[LackedValueOut]
    known_names: list[str] = Field(description="Names of attributes that the selected clients have")
    encoding: Literal["GSM-7", "UCS-2"] = Field(description="With the longest values")
    length: int = Field(description="Characters with the longest values; an upper bound")
    units: int = Field(description="Septets (GSM-7: `^{}\\[~]|€` take two) or 16-bit units (UCS-2)")
    segments: int = Field(description="SMS that it takes: 160 septets or 153 of each part, 70 units or 67 of each part")
    ucs2_because: str | None = Field(
        description="The first character that GSM-7 lacks", examples=["U+0430 CYRILLIC SMALL LETTER A"]
    )
    too_long: bool = Field(description="true: with the longest values it is longer than a text may be")


class PreviewOut(Schema):
    """What a mailing would do if it stayed as it is."""

    clients: int = Field(description="How many match its selection")
    do_not_contact: int = Field(description="How many of them are on the do-not-contact list")
    zones: list[ZonePreviewOut]
    blocked: int = Field(description="How many live in zones with an obstacle, and would be sent nothing")
    sample: SampleOut | None
    text: TextOut


class TestSendIn(Schema):
    """Where a test message goes."""

    __test__ = False

    phone: PhoneIn
    client: Id | None = Field(default=None, description="Whose attributes fill the text; the first selected client's if not said")
    provider: ProviderName | None = Field(
        default=None,
        description="Which provider sends it; if not said, the first one that the mailing names, or else that of the settings",
    )


class TestSendOut(Schema):
    """The outcome of a test message."""

    __test__ = False

    message_id: Id = Field(description="The key it was sent under")
    text: str
    outcome: OutcomeKind
    detail: str


def show_preview(found: Preview) -> PreviewOut:
    """A preview as the API shows it."""
    zones = [
        ZonePreviewOut(
            time_zone=zone.time_zone,
            clients=zone.clients,
            opens_at=zone.opens_at,
            expires_at=zone.expires_at,
            obstacle=zone.obstacle,
        )
        for zone in found.zones
    ]
    sample = None if found.sample is None else _show_sample(found.sample)
    return PreviewOut(
        clients=found.clients,
        do_not_contact=found.do_not_contact,
        zones=zones,
        blocked=sum(zone.clients for zone in found.zones if zone.obstacle),
        sample=sample,
        text=_show_text(found.text),
    )


def _show_text(found: TextCheck) -> TextOut:
    lacked = [
        LackedValueOut(name=each.name, clients=each.clients, has_default=each.has_default, nearest=each.nearest)
        for each in found.lacked
    ]
    return TextOut(
        failing=found.failing,
        lacked=lacked,
        known_names=list(found.known_names),
        encoding=found.longest.encoding,
        length=found.longest.characters,
        units=found.longest.units,
        segments=found.longest.segments,
        ucs2_because=found.longest.odd_name,
        too_long=found.longest_is_too_long,
    )


def _show_sample(sample: Sample) -> SampleOut:
    return SampleOut(
        client=sample.client, text=sample.text, length=sample.length, missing=sample.missing, error_code=sample.error
    )


def show_test(sent: SentTest) -> TestSendOut:
    """A test send as the API shows it."""
    return TestSendOut(message_id=sent.message_id, text=sent.text, outcome=sent.outcome.kind, detail=sent.outcome.detail)
