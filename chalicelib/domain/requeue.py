"""Which messages a person may have tried again."""

from dataclasses import dataclass

from chalicelib.domain.errors import ConflictError
from chalicelib.domain.status import ErrorCode, MessageStatus


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message of which another try is asked, and what surrounds it."""

    status: MessageStatus
    error_code: ErrorCode | None
    client_deleted: bool
    do_not_contact: bool
    phone_cleared: bool
    end_is_past: bool
    """Is the mailing's end past where the client lives?"""
    zone_is_unknown: bool = False
    """Can local times not be computed where the client lives?"""
    unknown: bool = False
    """May a call for it have been accepted, whatever its reason says?"""


def require_requeueable(message: Candidate, *, honours_key: bool) -> None:
    """Raises ConflictError unless another try is possible and cannot become a second delivery.

    `honours_key`: does the provider deliver once however often it is called with one key?
    """
    why = _why_not(message, honours_key)
    if why:
        raise ConflictError(why)


def _why_not(message: Candidate, honours_key: bool) -> str:
    if message.status not in (MessageStatus.FAILED, MessageStatus.EXPIRED):
        return f"only a failed (4) or expired (3) message can be tried again, and this one is {message.status.key} ({message.status})"
    if message.zone_is_unknown:
        return "its time zone is not in the time zone data: correct the client's time zone first"
    if message.end_is_past:
        return "the mailing's end is past where the client lives"
    if (message.unknown or message.error_code is ErrorCode.UNKNOWN_OUTCOME) and not honours_key:
        return "it may have been delivered, and this provider might deliver it again: a deliberate second text is a new mailing"
    if message.error_code is ErrorCode.DUPLICATE_PHONE:
        return "its phone has a message of this mailing already, as another client's"
    if message.client_deleted:
        return "its client was deleted"
    if message.phone_cleared:
        return "its phone is not kept: its mailing was finished long ago, or it was imported after it may have been sent"
    if message.do_not_contact:
        return "its phone is on the do-not-contact list"
    return ""
