"""Versions of what people edit: a change that was made meanwhile is found by comparing them."""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from chalicelib.domain.errors import VersionError


def version(fields: Mapping[str, Any]) -> str:
    """The version of a thing with these writable fields; the same fields have the same."""
    written = json.dumps(fields, sort_keys=True, default=str).encode()
    return hashlib.sha256(written).hexdigest()[:16]


def require_version(kind: str, fields: Mapping[str, Any], expected: Collection[str] | None) -> None:
    """Raise VersionError unless the version is one of those expected; None expects nothing."""
    if expected is not None and version(fields) not in expected:
        raise VersionError(kind)
