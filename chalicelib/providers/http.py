"""Any HTTP API, described by settings: the request as templates, the answer as paths and a table of classes."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlencode

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from chalicelib.domain.outcome import ACCEPTING, Outcome, OutcomeKind
from chalicelib.providers.base import Account, AccountError, Connections, Outgoing
from chalicelib.providers.calls import Answer, HttpCaller, Request, integer, reference, value_at

_PLACEHOLDER: Final = re.compile(r"\$\{([^}]*)\}")
_NUMBER: Final = re.compile(r"\$\{(id|digits):number\}")
_NAMES: Final = ("id", "phone", "digits", "text", "sender", "token")
_IN_HEADERS: Final = ("id", "sender", "token")


def _known(template: str, allowed: tuple[str, ...] = _NAMES) -> str:
    if unknown := [name for name in _PLACEHOLDER.findall(template) if name not in allowed]:
        raise ValueError(f"unknown placeholder ${{{unknown[0]}}}; known are {', '.join(f'${{{name}}}' for name in allowed)}")
    return template


def _known_everywhere(template: JsonValue) -> JsonValue:
    if isinstance(template, str):
        return template if _NUMBER.fullmatch(template) else _known(template)
    for part in template.values() if isinstance(template, dict) else template if isinstance(template, list) else ():
        _known_everywhere(part)
    return template


Template = Annotated[str, AfterValidator(_known)]
HeaderTemplate = Annotated[str, AfterValidator(lambda template: _known(template, _IN_HEADERS))]
Class = Literal[
    OutcomeKind.ACCEPTED,
    OutcomeKind.ALREADY_ACCEPTED,
    OutcomeKind.REFUSED,
    OutcomeKind.OPTED_OUT,
    OutcomeKind.NOT_DELIVERED,
    OutcomeKind.UNEXPECTED_REFUSAL,
    OutcomeKind.THROTTLED,
    OutcomeKind.MISCONFIGURED,
    OutcomeKind.UNKNOWN,
]


class HttpOptions(BaseModel):
    """The description of an API. Templates hold ${id}, ${phone} (+7…), ${digits} (7…), ${text}, ${sender} and ${token}."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["GET", "POST", "PUT"] = "POST"
    path: Template = ""
    """After PROVIDER_URL, with its query; values are percent-encoded."""
    headers: dict[str, HeaderTemplate] = Field(default_factory=dict)
    body: Annotated[JsonValue, AfterValidator(_known_everywhere)] = Field(default=None, alias="json")
    """Any JSON. A string "${id:number}" or "${digits:number}" becomes a number."""
    form: dict[str, Template] = Field(default_factory=dict)
    status: str = ""
    """Where the answer's JSON has the provider's own status: names and positions with dots between them."""
    reference: str = ""
    """Where it has the provider's id of the message."""
    segments: str = ""
    """Where it has the number of segments."""
    classes: dict[str, Class] = Field(default_factory=dict)
    """What the provider's own status means."""
    http_classes: dict[str, Class] = Field(default_factory=dict)
    """What the HTTP status means, where `classes` does not say."""

    @model_validator(mode="after")
    def it_can_be_sent_and_accepted(self) -> "HttpOptions":
        if self.form and self.body is not None:
            raise ValueError("json and form exclude each other")
        if self.path and not self.path.startswith(("/", "?")):
            raise ValueError("path must begin with / or ?")
        if bool(self.status) != bool(self.classes):
            raise ValueError("status and classes belong together")
        for status, kind in self.http_classes.items():
            if not re.fullmatch("[1-5][0-9]{2}", status):
                raise ValueError(f"http_classes: {status} is no HTTP status")
            if kind in ACCEPTING and not status.startswith("2"):
                raise ValueError(f"http_classes: {status} is no success, so that it cannot mean {kind}")
        if not ACCEPTING.intersection([*self.classes.values(), *self.http_classes.values()]):
            raise ValueError("no class says what an accepted message looks like")
        return self


class AnyHttp(HttpCaller):
    """Accepted is a 2xx answer that the tables call so; a 2xx that they do not list leaves the outcome unknown."""

    def __init__(self, account: Account, connections: Connections) -> None:
        try:
            self._options = HttpOptions.model_validate_json(account.options or "{}")
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise AccountError(f"PROVIDER_OPTIONS{': ' if place else ''}{place}: {first['msg']}") from None
        default = "application/x-www-form-urlencoded" if self._options.form else "application/json"
        self._headers = {"Content-Type": default, **self._options.headers}
        super().__init__(account, connections, {})
        self._sender = account.sender
        self._token = account.credential

    def request(self, message: Outgoing) -> Request:
        options = self._options
        values = {
            "id": str(message.id),
            "phone": message.phone,
            "digits": message.phone.removeprefix("+"),
            "text": message.text,
            "sender": message.sender or self._sender,
            "token": self._token,
        }
        if options.form:
            body = urlencode({name: _filled(template, values) for name, template in options.form.items()}).encode()
        else:
            body = b"" if options.body is None else json.dumps(_json(options.body, values)).encode()
        headers = {name: _filled(template, values) for name, template in self._headers.items()}
        return Request(_filled(options.path, values, lambda value: quote(value, safe="")), body, headers, options.method)

    def classify(self, answer: Answer) -> Outcome:
        options = self._options
        success = 200 <= answer.status < 300
        status = _status(value_at(answer.body, *_steps(options.status))) if options.status else None
        kind = options.classes.get(status) if status is not None else None
        if kind is None and not (success and options.status):
            kind = options.http_classes.get(str(answer.status))
        if kind is None or (kind in ACCEPTING and not success):
            return answer.undocumented()
        if kind is not OutcomeKind.ACCEPTED:
            return answer.outcome(kind, status and f"status {status}")
        return Outcome(
            kind,
            reference=reference(value_at(answer.body, *_steps(options.reference))) if options.reference else None,
            segments=integer(value_at(answer.body, *_steps(options.segments))) if options.segments else None,
        )


def _filled(template: str, values: Mapping[str, str], encoded: Callable[[str], str] = str) -> str:
    return _PLACEHOLDER.sub(lambda match: encoded(values[match[1]]), template)


def _json(template: JsonValue, values: Mapping[str, str]) -> Any:
    if isinstance(template, str):
        number = _NUMBER.fullmatch(template)
        return int(values[number[1]]) if number else _filled(template, values)
    if isinstance(template, dict):
        return {name: _json(part, values) for name, part in template.items()}
    return [_json(part, values) for part in template] if isinstance(template, list) else template


def _steps(path: str) -> list[str | int]:
    return [int(step) if step.isascii() and step.isdigit() else step for step in path.split(".")]


def _status(value: object) -> str | None:
    """Return a provider's own status as `classes` names it: true, 0, "ok"."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) else None
