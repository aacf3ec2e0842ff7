"""What a mailing would do, and test sends."""

from pydantic import Field

from chalicelib.api.operations import Schema
from chalicelib.api.schemas.fields import Id, Moment, PhoneIn
from chalicelib.domain.outcome import OutcomeKind
from chalicelib.services.previews import Preview, Sample, SentTest


class ZonePreviewOut(Schema):
    """The selected clients of one time zone."""

    time_zone: str
    clients: int
    opens_at: Moment
    expires_at: Moment


class SampleOut(Schema):
    """The text as one client would read it."""

    client: Id
    text: str | None = Field(description="null if the client lacks an attribute that the text needs")
    length: int | None
    missing: str | None = Field(description="That attribute")


class PreviewOut(Schema):
    """What a mailing would do if it stayed as it is."""

    clients: int = Field(description="How many match its selection")
    do_not_contact: int = Field(description="How many of them are to be left alone")
    zones: list[ZonePreviewOut]
    sample: SampleOut | None


class TestSendIn(Schema):
    """Where a test message goes."""

    __test__ = False

    phone: PhoneIn
    client: Id | None = Field(default=None, description="Whose attributes fill the text; the first selected client's if not said")


class TestSendOut(Schema):
    """What became of a test message."""

    __test__ = False

    message_id: Id = Field(description="The key it was sent under")
    text: str
    outcome: OutcomeKind
    detail: str


def show_preview(found: Preview) -> PreviewOut:
    """A preview as the API shows it."""
    zones = [
        ZonePreviewOut(time_zone=zone.time_zone, clients=zone.clients, opens_at=zone.opens_at, expires_at=zone.expires_at)
        for zone in found.zones
    ]
    sample = None if found.sample is None else _show_sample(found.sample)
    return PreviewOut(clients=found.clients, do_not_contact=found.do_not_contact, zones=zones, sample=sample)


def _show_sample(sample: Sample) -> SampleOut:
    return SampleOut(client=sample.client, text=sample.text, length=sample.length, missing=sample.missing)


def show_test(sent: SentTest) -> TestSendOut:
    """A test send as the API shows it."""
    return TestSendOut(message_id=sent.message_id, text=sent.text, outcome=sent.outcome.kind, detail=sent.outcome.detail)
