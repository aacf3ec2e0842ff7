"""Calls to a provider over HTTP."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from chalicelib.config import settings
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.providers.base import Outgoing, Provider
from chalicelib.providers.contract import classify

_MAX_ANSWER = 64 * 1024
_CONNECT_SECONDS = 3.0
_LOOK_SECONDS = 0.1


class _Watchdog:
    """Ends calls that take longer than their deadline, by shutting the socket down under them.

    A read timeout begins anew with every byte: a provider that drips one a second would hold a worker beyond its lease.
    """

    def __init__(self) -> None:
        self._calls: dict[int, tuple[float, HTTPConnection | None]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watch(self, seconds: float) -> Iterator[None]:
        """The calling thread's connection is shut down unless the block ends within `seconds`."""
        me = threading.get_ident()
        with self._lock:
            self._calls[me] = (time.monotonic() + seconds, None)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="provider-watchdog", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._calls[me]

    def uses(self, connection: HTTPConnection) -> None:
        """Says which connection the calling thread's request goes over."""
        me = threading.get_ident()
        with self._lock:
            if me in self._calls:
                self._calls[me] = (self._calls[me][0], connection)

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            with self._lock:
                for ends, connection in self._calls.values():
                    if ends <= now and connection is not None and connection.sock is not None:
                        with suppress(OSError):  # closed by its thread just now
                            connection.sock.shutdown(socket.SHUT_RDWR)


_watchdog = _Watchdog()


class _Connection(HTTPConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        _watchdog.uses(self)
        super().request(*args, **kwargs)


class _SecureConnection(HTTPSConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        _watchdog.uses(self)
        super().request(*args, **kwargs)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class HttpProvider:
    """The contract of the original's external API: `POST {base}/v1/send/{message id}` with a bearer token.

    The body is `{"id": int, "phone": int, "text": str}`, accepted is HTTP 200 with `{"code": 0, "message": "OK"}`. `deadline` is
    that of a whole call, in seconds.
    """

    def __init__(self, base_url: str, token: str, *, threads: int, deadline: float) -> None:
        self._base = base_url.rstrip("/")
        self._deadline = deadline
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc of the environment gets between us and the provider
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.mount(f"{self._base}/", _Adapter(pool_connections=1, pool_maxsize=threads, max_retries=0))
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        # Prepared once: merging headers, cookies and hooks anew for every call costs more than the rest of it.
        self._template = self._session.prepare_request(requests.Request("POST", f"{self._base}/v1/send/0", headers))

    def send(self, message: Outgoing) -> Outcome:
        """See Provider. Redirects are answers, not something to follow."""
        try:
            with _watchdog.watch(self._deadline):
                answer, body = self._post(message)
        except (requests.RequestException, HTTPError, OSError) as error:
            return Outcome(_kind_of(error), type(error).__name__)
        return classify(answer.status_code, _decoded(body), retry_after(answer.headers, datetime.now(UTC)))

    def _post(self, message: Outgoing) -> tuple[requests.Response, bytes]:
        request = self._template.copy()
        request.url = f"{self._base}/v1/send/{message.id}"
        request.body = json.dumps(
            {"id": message.id, "phone": int(message.phone.removeprefix("+")), "text": message.text}
        ).encode()
        request.headers["Content-Length"] = str(len(request.body))
        timeout = (min(_CONNECT_SECONDS, self._deadline), self._deadline)
        with self._session.send(request, timeout=timeout, allow_redirects=False, stream=True, proxies={}) as answer:
            return answer, answer.raw.read(_MAX_ANSWER + 1, decode_content=True)


@lru_cache(maxsize=1)
def configured() -> Provider:
    """The provider that this process's settings name, made once: its connections are kept."""
    chosen = settings()
    return HttpProvider(
        chosen.provider_url,
        chosen.provider_token.get_secret_value(),
        threads=chosen.provider_threads,
        deadline=chosen.provider_deadline_seconds,
    )


def _kind_of(error: Exception) -> OutcomeKind:
    # Surely not delivered only if no connection came to be; a connection that breaks later may have carried the message.
    if isinstance(error, requests.ConnectTimeout):
        return OutcomeKind.NOT_DELIVERED
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if type(reason).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}:
        return OutcomeKind.NOT_DELIVERED
    return OutcomeKind.UNKNOWN


def _decoded(body: bytes) -> object:
    if len(body) > _MAX_ANSWER:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date); None without one or with nonsense in it."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((moment - now).total_seconds(), 0.0) if moment.tzinfo else None
