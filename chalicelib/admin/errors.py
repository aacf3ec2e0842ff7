"""Errors of services, as the library shows them: next to the field they are about, or above the form."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.requests import Request
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.flash import flash

from chalicelib.admin.translations import said
from chalicelib.domain.errors import ConfirmationRequiredError, InvalidInputError, ServiceError


@contextmanager
def shown_in_form(request: Request, names: Mapping[str, str] | None = None, conflict_field: str | None = None) -> Iterator[None]:
    """Turns errors of services into errors of the form; `names` are those that the form has for fields of the services.

    An error about no field is put at `conflict_field`, or above the form.
    """
    try:
        yield
    except (InvalidInputError, ConfirmationRequiredError) as error:
        raise FormValidationError(
            {(names or {}).get(each.field, each.field): said(each.message) for each in error.errors}
        ) from None
    except ServiceError as error:
        if conflict_field is not None:
            raise FormValidationError({conflict_field: said(str(error))}) from None
        flash(request, said(str(error)), "error")
        raise FormValidationError({}) from None


@contextmanager
def shown_as_alert() -> Iterator[None]:
    """Turns errors of services into the alert that an action raises."""
    try:
        yield
    except (InvalidInputError, ConfirmationRequiredError) as error:
        raise ActionFailed("; ".join(said(each.message) for each in error.errors)) from None
    except ServiceError as error:
        raise ActionFailed(said(str(error))) from None
