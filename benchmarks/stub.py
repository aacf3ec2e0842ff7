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
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send

from local.process import LOOPBACK, free_port

_ACCEPTED = b'{"code":0,"message":"OK"}'


class _Yes:
    def __init__(self, latency: float) -> None:
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        target = dict(scope["headers"]).get(b"x-amz-target", b"")
        answer = _batch_accepted(body) if target.endswith(b"SendMessageBatch") else _ACCEPTED
        if self._latency:
            await asyncio.sleep(self._latency)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def _batch_accepted(body: bytes) -> bytes:
    entries = [
        {"Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": "0" * 32} for entry in json.loads(body)["Entries"]
    ]
    return json.dumps({"Successful": entries}).encode()


def _serve(port: int, latency: float) -> None:
    quiet: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False, "date_header": False}
    uvicorn.run(_Yes(latency), host=LOOPBACK, port=port, http="httptools", ws="none", lifespan="off", **quiet)


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
    _serve(int(sys.argv[1]), float(sys.argv[2]))
