"""The cheapest provider and the cheapest SQS there can be: they say yes to everything, and measure nothing but us.

`python -m benchmarks.stub PORT LATENCY_SECONDS`
"""

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from local.process import LOOPBACK, free_port

_ACCEPTED = b'{"code":0,"message":"OK"}'


class _Yes(asyncio.Protocol):
    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._waiting = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self._waiting) < end + 4 + length:
                return
            body = self._waiting[end + 4 : end + 4 + length]
            self._waiting = self._waiting[end + 4 + length :]
            answer = _batch_accepted(body) if b"sendmessagebatch" in head else _ACCEPTED
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._answer, answer)
            else:
                self._answer(answer)

    def _answer(self, body: bytes) -> None:
        if self._transport is not None:
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )


def _batch_accepted(body: bytes) -> bytes:
    entries = [
        {"Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": "0" * 32} for entry in json.loads(body)["Entries"]
    ]
    return json.dumps({"Successful": entries}).encode()


async def _serve(port: int, latency: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Yes(latency), LOOPBACK, port)
    await server.serve_forever()


@contextmanager
def stub(latency: float = 0.0) -> Iterator[str]:
    """The address of a stub that answers after `latency` seconds."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.stub", str(port), str(latency)])
    url = f"http://{LOOPBACK}:{port}"
    try:
        _wait(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - our own address
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError("the stub does not answer")


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
