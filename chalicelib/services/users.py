"""Use cases around users."""

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from chalicelib.auth.password_rules import require_good
from chalicelib.auth.passwords import hash_password
from chalicelib.domain import limits
from chalicelib.domain.characters import canonical
from chalicelib.domain.errors import InvalidInputError
from chalicelib.storage import second_factor, sessions, tokens, users
from chalicelib.storage.models import User


def ensure_superuser(source: Engine, username: str, password: str) -> bool:
    """Makes the superuser `username`, or gives an existing user that password and those rights. True if it was made.

    A second factor, which may be lost, is taken off. Name and password are held to the rules of every other user: raises
    InvalidInputError, PasswordError.
    """
    username = canonical(username) if isinstance(username, str) else username
    if problems := limits.username_problems(username):
        raise InvalidInputError(*problems)
    require_good(password, username)
    hashed = hash_password(password)
    with Session(source) as session, session.begin():
        user = users.by_username(session, username)
        if user is not None:
            user.password_hash, user.is_superuser, user.is_active = hashed, True, True
            sessions.remove_of_user(session.connection(), user.id)
            tokens.remove_of_user(session.connection(), user.id)
            second_factor.remove(session.connection(), user.id)
            return False
        session.add(User(username=username, password_hash=hashed, is_superuser=True, is_active=True))
        return True
