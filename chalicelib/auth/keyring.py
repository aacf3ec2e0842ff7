"""The keys of `ENCRYPTION_KEYS`: one is derived from each for every purpose, and secrets that are stored are sealed with them.

The first key of the list seals and signs; every key of the list opens and verifies. So a key can be replaced while both are in use.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.config import ConfigurationError, Settings, settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class UnreadableError(Exception):
    """A stored secret was sealed for another row, or with a key that is not in the list."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys, newest first."""

    keys: tuple[bytes, ...]

    @classmethod
    def of(cls, chosen: Settings) -> "Keyring":
        """Those of the settings. Raises ConfigurationError if there is none."""
        keys = tuple(key.strip().encode() for key in chosen.encryption_keys.get_secret_value().split(",") if key.strip())
        if not keys:
            raise ConfigurationError("settings: ENCRYPTION_KEYS: there is none; docs/aws.md says how to make one")
        return cls(keys)

    def derived(self, purpose: str) -> list[bytes]:
        """32 bytes of each key for this purpose alone, newest first: HKDF with SHA-256 (RFC 5869), without salt."""
        extracted = (hmac.digest(bytes(32), key, hashlib.sha256) for key in self.keys)
        return [hmac.digest(key, purpose.encode() + b"\1", hashlib.sha256) for key in extracted]

    def seal(self, purpose: str, row: int, secret: str) -> str:
        """Encrypt a secret for a row: in another row it cannot be opened."""
        return self._fernets(purpose)[0].encrypt(f"{row}:{secret}".encode()).decode()

    def open(self, purpose: str, row: int, sealed: str) -> str:
        """Return the secret. Raises UnreadableError."""
        from cryptography.fernet import InvalidToken, MultiFernet  # only here: a heavy import, and few requests need it

        try:
            content = MultiFernet(self._fernets(purpose)).decrypt(sealed).decode()
        except (InvalidToken, ValueError) as error:
            raise UnreadableError from error
        sealed_for, _, secret = content.partition(":")
        if sealed_for != str(row):
            raise UnreadableError
        return secret

    def is_newest(self, purpose: str, sealed: str) -> bool:
        """Was it sealed with the first key?"""
        from cryptography.fernet import InvalidToken

        try:
            self._fernets(purpose)[0].decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def _fernets(self, purpose: str) -> "list[Fernet]":
        from cryptography.fernet import Fernet

        return [Fernet(base64.urlsafe_b64encode(key)) for key in self.derived(purpose)]


def keyring() -> Keyring:
    """The keys of this process. Raises ConfigurationError if there is none."""
    return Keyring.of(settings())
