"""What a person found out about messages of unknown outcome: read from a file, and judged against what is known."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from chalicelib.domain.errors import FieldCode, FieldError, InvalidInputError
from chalicelib.domain.status import ErrorCode, MessageStatus
from chalicelib.domain.table import Row, Table, visible
from chalicelib.domain.words import counted

MAX_ANSWERS: Final = 20_000
"""Messages settled by one request."""
_MESSAGE, _DELIVERED = "message", "delivered"
_WORDS: Final[Mapping[str, bool]] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_MOST_ERRORS = 100


def read_answers(table: Table) -> dict[int, bool]:
    """Read for each message id whether it was delivered; rows whose `delivered` is empty are not answered, and left out.

    Raises InvalidInputError that names each row which cannot be read, up to the first hundred: then none is taken.
    """
    places = {name: table.header.index(name) for name in (_MESSAGE, _DELIVERED) if table.header.count(name) == 1}
    if len(places) < 2:
        raise InvalidInputError(
            FieldError("body", "the first row must name the columns message and delivered, each once", FieldCode.WRONG_FORMAT)
        )
    if len(table.rows) > MAX_ANSWERS:
        raise InvalidInputError(FieldError("body", f"a file has at most {MAX_ANSWERS:,} rows: split it", FieldCode.OUT_OF_RANGE))
    answers: dict[int, bool] = {}
    rows: dict[int, int] = {}
    errors: list[FieldError] = []
    for row in table.rows:
        if len(row.cells) > len(table.header):
            errors.append(_error(row, "row", f"has {counted(len(row.cells), 'cell')}, the first row has {len(table.header)}"))
            continue
        number, word = visible(row.cells[places[_MESSAGE]]), visible(row.cells[places[_DELIVERED]]).lower()
        if not word:
            continue
        if not (number.isascii() and number.isdecimal() and 0 < int(number[:20]) < 2**63 and len(number) < 20):
            errors.append(_error(row, _MESSAGE, "must be the id of a message, a whole number"))
        elif word not in _WORDS:
            errors.append(_error(row, _DELIVERED, f"must be one of {', '.join(_WORDS)}, or empty"))
        elif answers.setdefault(int(number), _WORDS[word]) is not _WORDS[word]:
            errors.append(_error(row, _DELIVERED, f"contradicts row {rows[int(number)]} about the same message"))
        else:
            rows.setdefault(int(number), row.number)
    if errors:
        raise InvalidInputError(*errors[:_MOST_ERRORS])
    return answers


def why_not(state: tuple[int, str | None, datetime | None] | None, delivered: bool) -> str:
    """Why a message that was not settled cannot be; empty if what is known of it already says the same."""
    if state is None:
        return "the mailing has no such message"
    status, code, lease = MessageStatus(state[0]), state[1], state[2]
    if lease is not None:
        return "it is being called for: ask again in a minute"
    if delivered and status is MessageStatus.SENT:
        return ""
    if not delivered and status is MessageStatus.FAILED and code == ErrorCode.NOT_DELIVERED:
        return ""
    return "its outcome is known already"


def _error(row: Row, column: str, message: str) -> FieldError:
    return FieldError(f"body.{row.number}.{column}", message, FieldCode.WRONG_FORMAT)
