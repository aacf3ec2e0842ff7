"""API tokens: `mlg_<id>_<secret>`. The id finds the row, the secret (256 bits) proves it; only its SHA-256 is stored."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from sqlalchemy import Engine

from chalicelib import caller
from chalicelib.domain.access import Principal
from chalicelib.storage import tokens
from chalicelib.storage.engine import autocommit

_FORM = re.compile(r"mlg_([1-9][0-9]{0,17})_([A-Za-z0-9_-]{43})", re.ASCII)
_SHOWN_OF_SECRET = 4


@dataclass(frozen=True, slots=True)
class FreshToken:
    """A token that was just made: the only moment at which its text exists on our side."""

    text: str
    prefix: str
    secret_sha256: bytes


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who presented a token, and which one."""

    principal: Principal
    token_id: int


def fresh(token_id: int) -> FreshToken:
    """A new secret for the token with this id."""
    secret = secrets.token_urlsafe(32)
    text = f"mlg_{token_id}_{secret}"
    return FreshToken(text, text[: -len(secret) + _SHOWN_OF_SECRET], _digest(secret))


def presented_in(header: str | None) -> str | None:
    """The token in an `Authorization: Token …` header, None if there is none."""
    scheme, _, token = (header or "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "token" else None


def authenticate(source: Engine, header: str | None) -> Bearer | None:
    """Whose token is in the header: None unless it is whole, known, neither expired nor revoked, and its user active."""
    form = _FORM.fullmatch(presented_in(header) or "")
    if form is None:
        return None
    with autocommit(source) as connection:
        found = tokens.with_user(connection, int(form[1]))
        if found is None or not hmac.compare_digest(found.secret_sha256, _digest(form[2])) or not found.usable:
            return None
        if found.use_is_news:
            tokens.note_use(connection, found.token_id)
    asker = caller.current()
    asker.user_id, asker.token_id = found.user_id, found.token_id
    return Bearer(Principal(found.user_id, found.username, found.is_superuser), found.token_id)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
