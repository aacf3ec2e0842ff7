"""What is asked of a password that a person chooses."""

from functools import lru_cache
from pathlib import Path

from chalicelib.auth.passwords import MAX_LENGTH, MIN_LENGTH, PasswordError

_COMMON = Path(__file__).with_name("common_passwords.txt")  # made by local/common_passwords.py
_DIFFERENT = 4
_OURS = frozenset({"mailing-api", "mailingapi"})


def require_good(password: str, username: str) -> None:
    """Raises PasswordError that names the first rule broken."""
    lowered = password.lower()
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise PasswordError(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    if password.isdigit():
        raise PasswordError("a password is not made of digits alone")
    if len(set(password)) < _DIFFERENT:
        raise PasswordError(f"a password has at least {_DIFFERENT} different characters")
    if username and username.casefold() in password.casefold():
        raise PasswordError("a password does not contain the user's name")
    if lowered in _common() or lowered in _OURS:
        raise PasswordError("this password is one of the first that anybody tries")


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    return frozenset(_COMMON.read_text(encoding="utf-8").split("\n"))
