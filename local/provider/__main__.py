"""python -m local.provider --port 8001 --folder .local/provider"""

import argparse
import asyncio
import signal
from pathlib import Path

from local.process import BIND, HERE
from local.provider.app import Provider
from local.provider.http import serve


async def run(port: int, folder: Path) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    provider = Provider(folder)
    server = await serve(provider.handle, BIND, port, cut=provider.cut, forgets=provider.forgets)
    print(f"provider on http://{HERE}:{port}", flush=True)
    await stopped.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.provider", description="A provider to send to, on loopback, or on LOCAL_HOST."
    )
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--folder", type=Path, default=Path(".local/provider"))
    chosen = parser.parse_args()
    asyncio.run(run(chosen.port, chosen.folder))


if __name__ == "__main__":
    main()
