"""Which ports and folders the local stack uses; the environment may choose others."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from local.errors import LocalError
from local.process import free_port

ROOT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("LOCAL_STATE") or ROOT / ".local").absolute()
DEFAULTS = {"API_PORT": 8000, "PROVIDER_PORT": 8001, "AWS_PORT": 4566, "POSTGRES_PORT": 15432}


@dataclass(frozen=True, slots=True)
class Ports:
    api: int
    provider: int
    aws: int
    postgres: int

    @classmethod
    def from_environment(cls) -> Self:
        api, provider, aws, postgres = (_port(name) for name in DEFAULTS)
        return cls(api, provider, aws, postgres)

    @classmethod
    def free(cls) -> Self:
        """Any free ones, for tests."""
        return cls(*(free_port() for _ in DEFAULTS))


def _port(name: str) -> int:
    given = os.environ.get(name) or str(DEFAULTS[name])
    if not given.isdigit() or int(given) > 65535:
        raise LocalError(f"{name} is {given!r}, which is no port: give a number, or 0 for any free one.")
    return int(given) or free_port()
