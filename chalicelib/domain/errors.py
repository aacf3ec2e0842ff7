"""Why a use case could not do what was asked. API and admin turn each into their own kind of answer."""

from dataclasses import dataclass


class ServiceError(Exception):
    """What all of these share; the message is for the person who asked."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is wrong, by its dotted path (`clients.3.phone`), and what is allowed there."""

    field: str
    message: str


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


class ForbiddenError(ServiceError):
    """The asker is known, and may not do this."""


class TooManyRequestsError(ServiceError):
    """The asker has done this too often; in `retry_after` seconds it may be done again."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after
