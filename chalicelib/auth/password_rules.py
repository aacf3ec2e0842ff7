"""What is asked of a password that a person chooses."""

from chalicelib.auth.passwords import MAX_LENGTH, MIN_LENGTH, PasswordError

# What guessers try first, of those that are long enough (SecLists, 10k most common).
_WORDS = """
password password1 password123 passw0rd p@ssw0rd qwertyui qwertyuiop qwerty123 qwerty12 1q2w3e4r
1q2w3e4r5t 1qaz2wsx zaq12wsx iloveyou sunshine princess football baseball superman trustno1 starwars
whatever letmein1 welcome1 admin123 administrator abcd1234 abc12345 asdfghjk asdfghjkl q1w2e3r4
q1w2e3r4t5 changeme computer internet mailing-api
"""
_COMMON = frozenset(_WORDS.split())


def require_good(password: str, username: str) -> None:
    """Raises PasswordError that names the first rule broken."""
    lowered = password.lower()
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise PasswordError(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    if password.isdigit():
        raise PasswordError("a password is not made of digits alone")
    if len(set(password)) < _DIFFERENT:
        raise PasswordError(f"a password has at least {_DIFFERENT} different characters")
    if username and username.lower() in lowered:
        raise PasswordError("a password does not contain the user's name")
    if lowered in _COMMON:
        raise PasswordError("this password is one of the first that anybody tries")


_DIFFERENT = 4
