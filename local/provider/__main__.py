"""python -m local.provider --port 8001 --folder .local/provider"""

import argparse
from pathlib import Path

from local.process import BIND, HERE
from local.provider.app import Provider
from local.provider.server import server


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.provider", description="A provider to send to, on loopback, or on LOCAL_HOST."
    )
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--folder", type=Path, default=Path(".local/provider"))
    chosen = parser.parse_args()
    provider = Provider(chosen.folder)
    print(f"provider on http://{HERE}:{chosen.port}", flush=True)
    server(provider, BIND, chosen.port, cut=provider.cut, forgets=provider.forgets).run()


if __name__ == "__main__":
    main()
