"""What real networks do to a call: whose answer is it, is the connection fit for another, and did anything leave?"""

import gzip
import json
import re
import socket
import ssl
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from chalicelib import aws
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.providers import Outgoing, transport
from chalicelib.providers.base import Account, Connections
from chalicelib.providers.contract import ContractProvider
from tests.integration.raw_server import OK, Server, certified, reset, whole

REFUSAL = whole("400 Bad Request", b'{"code": 2, "message": "no"}')
GZIPPED = gzip.compress(OK, mtime=0)  # without the moment: the workers of pytest-xdist compare the names of the tests


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@contextmanager
def calling(server: Server, **settings: Any) -> Iterator[ContractProvider]:
    settings = {"threads": 4, "deadline": 2, "idle_seconds": 4, **settings}
    made = ContractProvider(Account(server.url, "jwt"), Connections(**settings))
    yield made
    made.close()


def send(provider: ContractProvider, message_id: int = 1) -> Outcome:
    return provider.send(Outgoing(message_id, "+79101234567", "hello"))


def wait_until_broken(provider: ContractProvider) -> None:
    [connection] = provider._adapter._idle
    while not connection.readable():
        time.sleep(0.005)


def interim(*statuses: int) -> bytes:
    return b"".join(b"HTTP/1.1 %d Wait\r\nLink: </style.css>; rel=preload\r\n\r\n" % status for status in statuses)


# --- whose answer is it ---


@pytest.mark.parametrize("statuses", [(100,), (102,), (103,), (101,), (199,), (103, 102, 103, 100)])
@pytest.mark.parametrize(("final", "kind"), [(whole("200 OK"), OutcomeKind.ACCEPTED), (REFUSAL, OutcomeKind.REFUSED)])
def test_interim_answers_are_skipped_to_the_final_one(
    server: Server, statuses: tuple[int, ...], final: bytes, kind: OutcomeKind
) -> None:
    server.answers(interim(*statuses) + final)
    with calling(server) as provider:
        assert [send(provider).kind for _ in range(3)] == [kind] * 3
    assert server.connections == 3, "a connection with interim answers is not used again"


def test_interim_answers_may_come_byte_by_byte(server: Server) -> None:
    def answer(connection: socket.socket) -> None:
        for byte in interim(103, 100) + whole("200 OK"):
            connection.sendall(bytes([byte]))

    server.answer = answer
    with calling(server) as provider:
        assert send(provider).kind is OutcomeKind.ACCEPTED


@pytest.mark.parametrize("raw", [interim(103), interim(100) * 3, b"HTTP/1.1 103 Early\r\nLink", b"HTTP/1.1 1"])
def test_interim_answers_alone_are_no_answer(server: Server, raw: bytes) -> None:
    server.answers(raw, ends=True)
    with calling(server) as provider:
        assert send(provider).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    "before",
    [interim(103), interim(102, 102), b""],
    ids=["early hints", "processing", "nothing"],
)
@pytest.mark.parametrize(
    "after",
    [whole("200 OK"), whole("200 OK")[:30], b"\r\n", b"x", whole("200 OK", b"{}") * 3, b""],
    ids=["an acceptance", "half an acceptance", "a line", "a byte", "three answers", "nothing"],
)
def test_of_forty_refused_messages_none_is_taken_for_accepted(server: Server, before: bytes, after: bytes) -> None:
    server.answers(before + REFUSAL + after)
    with calling(server) as provider:
        assert {send(provider, number).kind for number in range(40)} == {OutcomeKind.REFUSED}
    assert len(server.requests) == 40
    assert server.connections == (40 if before or after else 1)


def test_bytes_that_arrive_after_the_answer_are_no_answer_to_the_next_request(server: Server) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(REFUSAL)
        time.sleep(0.02)
        connection.sendall(whole("200 OK"))

    server.answer = answer
    with calling(server) as provider:
        for number in range(5):
            assert send(provider, number).kind is OutcomeKind.REFUSED
            time.sleep(0.1)
        # They prove that this provider writes what nobody asked for: no connection is kept for a while, so that the next are safe
        # also where such bytes arrive in the middle of the next call.
        assert {send(provider, number).kind for number in range(5)} == {OutcomeKind.REFUSED}


# --- is the connection fit for another request ---


@pytest.mark.parametrize(
    "raw",
    [
        whole("200 OK"),
        REFUSAL,
        whole("503 Busy", b"", "Retry-After: 1"),
        whole("429 Slow Down", b"{}"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(OK), OK),
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
def test_connections_are_kept_after_clean_answers(server: Server, raw: bytes) -> None:
    server.answers(raw)
    with calling(server) as provider:
        assert len({send(provider).kind for _ in range(3)}) == 1
    assert (server.connections, len(server.requests)) == (1, 3)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (whole("200 OK", OK, "Connection: close"), OutcomeKind.ACCEPTED),
        (whole("200 OK").replace(b"HTTP/1.1", b"HTTP/1.0"), OutcomeKind.ACCEPTED),
        (whole("408 Request Time-out", b"{}"), OutcomeKind.NOT_DELIVERED),
        (whole("421 Misdirected Request", b"{}"), OutcomeKind.NOT_DELIVERED),
        (whole("302 Found", b"", "Location: http://127.0.0.1:1/"), OutcomeKind.MISCONFIGURED),
        (whole("400 Bad Request", b" " * 100_000), OutcomeKind.REFUSED),
        (whole("200 OK", b" " * 100_000), OutcomeKind.UNKNOWN),
        (whole("200 OK", OK, "Transfer-Encoding: chunked"), OutcomeKind.UNKNOWN),
        (whole("200 OK", OK, "Content-Length: 3"), OutcomeKind.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: +28\r\n\r\n" + OK, OutcomeKind.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + OK, OutcomeKind.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + OK, OutcomeKind.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + OK, OutcomeKind.UNKNOWN),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 900\r\n\r\n{", OutcomeKind.REFUSED),
        (b"HTTP/1.1 401 No\r\n bad\r\n\r\n", OutcomeKind.MISCONFIGURED),
        (b"HTTP/1.1 503 Busy\r\nX" * 9000, OutcomeKind.NOT_DELIVERED),
        (b"HTTP/1.1 302 Found\r\nLocation", OutcomeKind.MISCONFIGURED),
        (b"HTTP/1.1 200 OK\r\n bad\r\n\r\n", OutcomeKind.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n" + OK, OutcomeKind.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n" + OK, OutcomeKind.UNKNOWN),
        (b"HTTP/2 200 OK\r\n\r\n" + OK, OutcomeKind.UNKNOWN),
        (b"HTTP/1.1 20 OK\r\n\r\n" + OK, OutcomeKind.UNKNOWN),
        (b"HTTP/1.1 099 OK\r\n\r\n" + OK, OutcomeKind.UNKNOWN),
        (b"ICY 200 OK\r\n\r\n" + OK, OutcomeKind.UNKNOWN),
        (b"\xff" * 300, OutcomeKind.UNKNOWN),
        (b"HTTP/1.1 103 Hints\r\n\r\n" * 20_000, OutcomeKind.UNKNOWN),
    ],
)
def test_connections_are_not_kept_after_doubtful_answers(server: Server, raw: bytes, kind: OutcomeKind) -> None:
    server.answers(raw)
    with calling(server, deadline=0.4) as provider:
        assert send(provider).kind is kind
        server.answers(REFUSAL)
        assert send(provider).kind is OutcomeKind.REFUSED
    assert (server.connections, len(server.requests)) == (2, 2)


def test_a_connection_is_not_used_again_after_an_idle_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with calling(server, idle_seconds=1) as provider:
        send(provider)
        send(provider)
        assert server.connections == 1
        time.sleep(1.1)
        send(provider)
        assert server.connections == 2

        actual = time.time
        monkeypatch.setattr("time.time", lambda: actual() + 400)  # the function was frozen, and one clock with it
        send(provider)
        assert server.connections == 3
        monkeypatch.setattr("time.time", lambda: actual() - 400)  # somebody set the clock
        send(provider)
        assert server.connections == 4


def test_without_an_idle_time_each_call_has_its_own_connection(server: Server) -> None:
    with calling(server, idle_seconds=0) as provider:
        assert [send(provider).kind for _ in range(3)] == [OutcomeKind.ACCEPTED] * 3
    assert server.connections == 3


def test_an_old_connection_makes_way_for_one_to_where_the_provider_is_now(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_MAX_AGE_SECONDS", 0.1)
    with calling(server) as provider:
        for _ in range(4):
            send(provider)
            time.sleep(0.06)
    assert server.connections >= 2


def test_connections_that_broke_while_idle_cost_no_message_anything(server: Server) -> None:
    server.resets_idle()
    with calling(server) as provider:
        for _ in range(3):
            assert send(provider).kind is OutcomeKind.ACCEPTED
            wait_until_broken(provider)
    assert (server.connections, len(server.requests)) == (3, 3)


def test_a_kept_connection_that_takes_no_byte_is_replaced_and_one_that_took_some_is_not(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.resets_idle()
    with calling(server) as provider:
        send(provider)
        wait_until_broken(provider)
        monkeypatch.setattr(transport._Connection, "readable", lambda _self: False)  # as if it broke just after it was looked at
        assert send(provider).kind is OutcomeKind.ACCEPTED, "the socket took nothing"

        server.answer = reset  # the request left, and then the connection broke before any byte of an answer
        provider.close()
        before = len(server.requests)
        assert send(provider).kind is OutcomeKind.UNKNOWN
        assert len(server.requests) == before + 1, "never silently sent again"


def test_aws_clients_bear_connections_that_a_gateway_forgot(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call over one is made again on a new connection: SQS may carry a message twice."""
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    used: list[socket.socket] = []

    def answer(connection: socket.socket) -> None:
        if connection in used:
            reset(connection)
            return
        used.append(connection)
        connection.sendall(whole("200 OK", b'{"MessageId": "1"}'))

    server.answer = answer
    aws._sqs.cache_clear()
    try:
        for _ in range(2):
            aws.send(f"{server.url}/1/queue", {"mailing_id": 1})
        assert (server.connections, len(server.requests)) == (2, 3)
    finally:
        aws._sqs().close()
        aws._sqs.cache_clear()


# --- did anything leave ---


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_calls_over_tls_keep_their_connection(authority: trustme.CA) -> None:
    server = Server(certified(authority.issue_cert("127.0.0.1")))
    with calling(server, tls=trusting(authority)) as provider:
        assert [send(provider).kind for _ in range(3)] == [OutcomeKind.ACCEPTED] * 3
        assert server.connections == 1
        server.answers(REFUSAL + whole("200 OK"))
        assert [send(provider).kind for _ in range(3)] == [OutcomeKind.REFUSED] * 3
    server.close()


def test_a_certificate_that_is_not_trusted_is_our_configuration(authority: trustme.CA) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    for name, issuer, address, not_after in (
        ("self-signed", trustme.CA(), "127.0.0.1", None),
        ("expired", authority, "127.0.0.1", yesterday),
        ("wrong name", authority, "provider.example", None),
    ):
        server = Server(certified(issuer.issue_cert(address, not_after=not_after)))
        with calling(server, tls=trusting(authority)) as provider:
            outcome = send(provider)
        assert outcome.kind is OutcomeKind.MISCONFIGURED, name
        assert outcome.detail.startswith("TLS certificate: ")
        assert not server.requests
        server.close()


def test_the_public_roots_are_trusted_and_no_others(authority: trustme.CA) -> None:
    server = Server(certified(authority.issue_cert("127.0.0.1")))
    with calling(server) as provider:
        assert send(provider).kind is OutcomeKind.MISCONFIGURED
    server.close()


def _plain(connection: socket.socket) -> None:
    connection.recv(1)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def _close(connection: socket.socket) -> None:
    connection.recv(1)
    connection.close()


def _reset(connection: socket.socket) -> None:
    connection.recv(1)
    reset(connection)


def _silent(_connection: socket.socket) -> None:
    time.sleep(8)


@pytest.mark.parametrize("accept", [_plain, _close, _reset, _silent])
def test_a_failed_tls_handshake_sends_nothing(server: Server, accept: Any) -> None:
    server.accept = accept
    server.url = server.url.replace("http:", "https:")
    begun = time.monotonic()
    with calling(server, deadline=0.4) as provider:
        outcome = send(provider)
    assert outcome.kind is OutcomeKind.NOT_DELIVERED
    assert outcome.detail.startswith("nothing was sent: ")
    assert time.monotonic() - begun < 6


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "http://provider.invalid", "https://127.0.0.1:{port}"])
def test_without_a_connection_nothing_was_sent(url: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: refused
        provider = ContractProvider(Account(url.format(port=free.getsockname()[1]), "jwt"), Connections(1, 2))
        outcome = send(provider)
    assert outcome.kind is OutcomeKind.NOT_DELIVERED
    assert outcome.detail.startswith("nothing was sent: ")


def test_what_left_in_part_is_unknown(server: Server) -> None:
    def deaf(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        time.sleep(1)

    server.accept = deaf
    with calling(server, deadline=0.4) as provider:
        outcome = provider.send(Outgoing(1, "+79101234567", "x" * 20_000_000))
    assert outcome.kind is OutcomeKind.UNKNOWN


def test_what_left_in_part_over_a_kept_connection_is_unknown(server: Server) -> None:
    def deaf(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.sendall(whole("200 OK"))
        time.sleep(2)

    server.answer = deaf
    with calling(server, deadline=0.4) as provider:
        assert send(provider).kind is OutcomeKind.ACCEPTED
        outcome = provider.send(Outgoing(2, "+79101234567", "x" * 20_000_000))
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert server.connections == 1


# --- whatever is written is parsed under a guard ---

LOCATIONS = [
    *(
        "http://[",
        "http://[::1",
        "//[",
        "http://a:b:c/",
        "http://127.0.0.1:99999/",
        "\x01",
        "\0",
        "a" * 100_000,
        "http://\xff\xfe/",
        "/%ff%zz",
    ),
    *("", "?" * 30_000, "javascript:alert(1)", "http://user:pass@host:port/"),
]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308, 399])
def test_a_redirect_is_judged_before_anything_of_it_is_read(server: Server, status: int) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    with calling(server) as provider:
        for location in LOCATIONS:
            head = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nSet-Cookie: \xff; expires=never\r\n"
            server.answers(f"{head}Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode("latin-1") + bomb)
            assert send(provider).kind is OutcomeKind.MISCONFIGURED, location


@pytest.mark.parametrize("status", ["503 Busy", "429 Slow Down"])
@pytest.mark.parametrize(
    "value",
    [
        *(
            "99999999999999999999",
            "9" * 5_000,
            "-1",
            "1e999",
            "Mon, 01 Jun 99999 12:00:30 GMT",
            "Mon, 99 Foo 2026",
            "NaN",
            "\xff\xfe",
        ),
        *(
            "Fri, 31 Dec 9999 23:59:59 -2359",
            "Sat, 01 Jan 0001 00:00:00 +2359",
            "Mon, 01 Jun 2026 12:00:30 +99999999999999",
            "," * 50,
        ),
    ],
)
def test_a_retry_after_out_of_range_harms_nothing(server: Server, status: str, value: str) -> None:
    server.answers(whole(status, b"", f"Retry-After: {value}").replace(value.encode(), value.encode("latin-1")))
    with calling(server) as provider:
        outcome = send(provider)
    assert outcome.kind in (OutcomeKind.NOT_DELIVERED, OutcomeKind.THROTTLED)
    assert outcome.retry_after is None or 0 <= outcome.retry_after <= 6 * 3600


@pytest.mark.parametrize(
    ("encoding", "body", "kind"),
    [
        ("gzip", GZIPPED, OutcomeKind.ACCEPTED),
        ("deflate", zlib.compress(OK), OutcomeKind.ACCEPTED),
        ("identity", OK, OutcomeKind.ACCEPTED),
        ("gzip", GZIPPED[:-3], OutcomeKind.UNKNOWN),
        ("gzip", GZIPPED + b"x", OutcomeKind.UNKNOWN),
        ("gzip", OK, OutcomeKind.UNKNOWN),
        ("gzip, gzip", gzip.compress(GZIPPED, mtime=0), OutcomeKind.UNKNOWN),
        ("br", OK, OutcomeKind.UNKNOWN),
        ("\xff", OK, OutcomeKind.UNKNOWN),
    ],
)
def test_content_encodings(server: Server, encoding: str, body: bytes, kind: OutcomeKind) -> None:
    server.answers(
        f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
    )
    with calling(server) as provider:
        assert send(provider).kind is kind


def test_a_compressed_bomb_stays_small(server: Server) -> None:
    bomb = gzip.compress(bytes(60_000_000))
    assert len(bomb) < transport.MAX_BODY
    server.answers(whole("200 OK", bomb, "Content-Encoding: gzip"))
    with calling(server) as provider:
        send(provider)
        tracemalloc.start()
        assert send(provider).kind is OutcomeKind.UNKNOWN
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
        tracemalloc.stop()


@pytest.mark.parametrize(
    "body",
    [
        *(
            b'{"code": 1, "code": 0}',
            b'{"code": 0} x',
            b'[{"code": 0}]',
            b'{"code": 0',
            b'{"code": null}',
            b'{"Code": 0}',
            b"null",
        ),
        *(b'{"code": 0.0}', b'{"code": "0"}', b'{"code": false}', b"\xff\xfe", b'{"code": ' + b"9" * 5000 + b"}", b"[" * 60_000),
        *(b'{"code": -0.0}', b"", b"OK", b'{"code": 0, "x": ' + b"[" * 30_000 + b"}"),
    ],
)
def test_bodies_that_do_not_say_accepted(server: Server, body: bytes) -> None:
    server.answers(whole("200 OK", body))
    with calling(server) as provider:
        assert send(provider).kind is OutcomeKind.UNKNOWN


# --- arbitrary bytes ---

BODIES = st.sampled_from([OK, b'{"code": 0}', b'{"code": 1}', b"", b"{}", b"[" * 500, GZIPPED, OK + OK]) | st.binary(max_size=60)
STATUS_LINES = st.sampled_from(
    [
        *(
            b"HTTP/1.1 200 OK",
            b"HTTP/1.1 200",
            b"HTTP/1.0 200 OK",
            b"HTTP/1.1 400 No",
            b"HTTP/1.1 302 Found",
            b"HTTP/1.1 503 Busy",
        ),
        *(
            b"HTTP/1.1 103 Hints",
            b"HTTP/1.1 101 Switching",
            b"HTTP/1.1 999 Odd",
            b"HTTP/1.1 -1 Odd",
            b"HTTP/9.9 200 OK",
            b"200 OK",
        ),
    ]
) | st.binary(max_size=30)
HEADERS = st.lists(
    st.sampled_from(
        [
            *(
                b"Content-Length: 28",
                b"Content-Length: 5",
                b"Content-Length: x",
                b"Transfer-Encoding: chunked",
                b"Connection: close",
            ),
            *(
                b"Location: http://[",
                b"Retry-After: Mon, 99 Foo",
                b"Content-Encoding: gzip",
                b"Content-Type: \xff",
                b"Set-Cookie: \0",
            ),
            *(b" folded", b":", b"X", b"Upgrade: h2c", b"Date: never"),
        ]
    )
    | st.binary(max_size=20),
    max_size=4,
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Answers that are almost well-formed, one after the other, cut somewhere, with a byte changed."""
    raw = b""
    for _ in range(draw(st.integers(1, 3))):
        end = draw(st.sampled_from([b"\r\n", b"\r\n", b"\n"]))
        body = draw(BODIES)
        headers = draw(HEADERS)
        if draw(st.booleans()):
            headers.append(b"Content-Length: %d" % len(body))
        elif draw(st.booleans()):
            headers.append(b"Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        raw += end.join([draw(STATUS_LINES), *headers, b"", b""]) + body
    if draw(st.booleans()):
        raw = raw[: draw(st.integers(0, len(raw)))]
    if raw and draw(st.booleans()):
        place = draw(st.integers(0, len(raw) - 1))
        raw = raw[:place] + draw(st.binary(min_size=1, max_size=2)) + raw[place + 1 :]
    return raw


def accepts(raw: bytes) -> bool:
    """Is this a clean 200 with the code 0? Read by hand, and more leniently than the service may."""
    while found := re.match(rb"HTTP/1\.[01] 1\d\d[^\n]*\n", raw):
        rest = re.search(rb"\r?\n\r?\n", raw[found.end() - 2 :])
        if rest is None:
            return False
        raw = raw[found.end() - 2 + rest.end() :]
    head, _, body = re.sub(rb"\r?\n\r?\n", b"\0END\0", raw, count=1).partition(b"\0END\0")
    if not re.match(rb"HTTP/1\.[01] 200\b", head):
        return False
    if found := re.search(rb"(?i)\ncontent-length:\s*(\d+)", head):
        body = body[: int(found[1])] if len(body) >= int(found[1]) else b""
    elif re.search(rb"(?i)\ntransfer-encoding:\s*chunked", head):
        chunk = re.match(rb"([0-9a-fA-F]+)[^\n]*\n(.*)", body, re.DOTALL)
        body = chunk[2][: int(chunk[1], 16)] if chunk else b""
    if re.search(rb"(?i)content-encoding:\s*gzip", head):
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            return False
    try:
        return bool(json.loads(body)["code"] == 0)
    except (ValueError, TypeError, KeyError, IndexError):
        return False


@pytest.fixture(scope="module")
def lasting() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@profile(max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=answers() | st.binary(max_size=200), ends=st.sampled_from([True, True, True, False]))
def test_arbitrary_bytes_raise_nothing_and_pass_for_an_acceptance_only_if_they_are_one(
    lasting: Server, raw: bytes, ends: bool
) -> None:
    with calling(lasting, deadline=0.1 if not ends else 5) as provider:
        lasting.answers(raw, ends=ends)
        outcome = send(provider)
        assert outcome.kind is not OutcomeKind.ACCEPTED or accepts(raw)
        assert lasting.answered.wait(10)  # a stream that ends while the next request is on its way is another case
        lasting.answers(REFUSAL)
        provider._adapter._deadline = 5
        assert send(provider).kind is OutcomeKind.REFUSED, "whatever it was, it is no answer to the next request"


def test_the_check_of_arbitrary_bytes_can_fail() -> None:
    assert accepts(whole("200 OK"))
    assert accepts(interim(103) + whole("200 OK"))
    assert not accepts(whole("400 No"))
    assert not accepts(whole("200 OK", b'{"code": 1}'))
