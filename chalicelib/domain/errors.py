"""Why a use case could not do what was asked. API and admin turn each into their own kind of answer."""

from dataclasses import dataclass
from enum import StrEnum


class ServiceError(Exception):
    """What all of these share; the message is for the person who asked."""


class FieldCode(StrEnum):
    """What is wrong with a field, for programs. Part of the API's contract."""

    REQUIRED = "required"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    WRONG_LENGTH = "wrong_length"
    """A text, a list or an object is too long or too short."""
    OUT_OF_RANGE = "out_of_range"
    WRONG_FORMAT = "wrong_format"
    WRONG_CHARACTERS = "wrong_characters"
    BLANK = "blank"
    """Nothing in it is visible."""
    GIVEN_TWICE = "given_twice"
    TAKEN = "taken"
    NOT_ALLOWED = "not_allowed"
    """Somebody else's, or not for this user."""
    CONTRADICTION = "contradiction"
    """It does not fit another field."""
    MISSING_VALUES = "missing_values"
    """Clients lack values that the text needs."""
    EMPTY_WINDOW = "empty_window"
    """The window holds no moment at which something could be sent, for all or some of the clients."""
    INVALID = "invalid"
    """Anything else; the message says what."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is wrong, by its dotted path (`clients.3.phone`), and what is allowed there."""

    field: str
    message: str
    code: FieldCode = FieldCode.INVALID
    reason: str = ""
    """A finer code where there is one: of a phone, by `PhoneError`."""


class InvalidInputError(ServiceError):
    """Something given cannot be taken; `errors` names each field."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


class NotFoundError(ServiceError):
    """No such thing, or not the asker's: the two are answered alike."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"no such {kind}")
        self.kind = kind


class ConflictError(ServiceError):
    """The thing is in a state that does not allow this; the message says which states do."""


class ConfirmationRequiredError(ConflictError):
    """It can be done, but not as the asker may expect; asked again with a confirmation it is done. `errors` name the fields."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


class VersionError(ServiceError):
    """Somebody else has changed the thing since the asker read it."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"the {kind} was changed since you read it: read it again")


class ForbiddenError(ServiceError):
    """The asker is known, and may not do this."""


class TooManyRequestsError(ServiceError):
    """The asker has done this too often; in `retry_after` seconds it may be done again."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after
