"""Password hashes (argon2id), and how long a password may be."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 8
MAX_LENGTH = 1024

_hasher = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)  # OWASP Password Storage Cheat Sheet, argon2id
_NOBODY = _hasher.hash("the password of nobody")


class PasswordError(ValueError):
    """The password cannot be taken; the message says what is asked of one."""


def hash_password(password: str) -> str:
    """The argon2id hash to store; raises PasswordError for a password that is too short or too long."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise PasswordError(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    return _hasher.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Is it the password? With `stored` None (no such user) the same work is done, so that the time tells nothing."""
    try:
        return _hasher.verify(stored or _NOBODY, password[:MAX_LENGTH]) and stored is not None and len(password) <= MAX_LENGTH
    except (VerificationError, InvalidHashError):
        return False
