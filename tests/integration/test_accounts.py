"""Users, their passwords and their sessions."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from chalicelib.auth import throttle
from chalicelib.auth.passwords import PasswordError
from chalicelib.auth.throttle import Attempt, Guess, Limit
from chalicelib.config import Settings
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from chalicelib.services import accounts, clients, logins, sessions, users
from chalicelib.services.accounts import Account, Kept
from chalicelib.services.clients import NewClient
from chalicelib.services.logins import LoginError, LoginRules

GOOD, BETTER = "correct horse battery", "staple of horses"
GUESS = Guess("127.0.0.1", Limit(10, 900))
RULES = LoginRules(timedelta(hours=1), Limit(10, 900))


@pytest.fixture
def root(engine: Engine, settings: Settings) -> Principal:
    del settings
    users.ensure_superuser(engine, "root", GOOD)
    with engine.connect() as connection:
        user_id = connection.execute(text("""SELECT id FROM "user" WHERE username = 'root'""")).scalar_one()
    return Principal(user_id, "root", is_superuser=True)


def log_in(engine: Engine, username: str, password: str = GOOD) -> str:
    return sessions.log_in(engine, username, password, "127.0.0.1", RULES)


def test_a_session_knows_its_user_until_it_is_ended(engine: Engine, root: Principal) -> None:
    secret = log_in(engine, "ROOT")
    assert sessions.whose(engine, secret) == root
    assert sessions.whose(engine, secret + "x") is None
    sessions.log_out(engine, secret)
    assert sessions.whose(engine, secret) is None


def test_a_session_ends_by_itself(engine: Engine, root: Principal) -> None:
    secret = log_in(engine, root.username)
    with engine.begin() as connection:
        connection.execute(text("UPDATE session SET expires_at = now()"))
    assert sessions.whose(engine, secret) is None


def test_another_password_ends_every_session_but_the_one_that_asked(engine: Engine, root: Principal) -> None:
    here, there = log_in(engine, "root"), log_in(engine, "root")
    with pytest.raises(InvalidInputError, match="old_password"):
        accounts.change_own_password(engine, root, BETTER, BETTER, Kept(here), GUESS)
    accounts.change_own_password(engine, root, GOOD, BETTER, Kept(here), GUESS)
    assert (sessions.whose(engine, here), sessions.whose(engine, there)) == (root, None)
    with pytest.raises(LoginError):
        log_in(engine, "root", GOOD)
    users.ensure_superuser(engine, "root", GOOD)
    assert sessions.whose(engine, here) is None


def test_a_superuser_makes_changes_and_deletes_users(engine: Engine, root: Principal) -> None:
    made = accounts.create(engine, root, Account(" anna "), GOOD)
    secret = log_in(engine, "anna")
    assert (made.username, made.is_superuser, made.is_active) == ("anna", False, True)
    accounts.set_password(engine, root, made.id, BETTER)
    assert sessions.whose(engine, secret) is None
    secret = log_in(engine, "anna", BETTER)
    accounts.change(engine, root, made.id, Account("anna", is_active=False))
    assert sessions.whose(engine, secret) is None
    accounts.delete(engine, root, made.id)
    with pytest.raises(NotFoundError):
        accounts.get(engine, root, made.id)


def test_a_user_with_data_is_not_deleted(engine: Engine, root: Principal) -> None:
    made = accounts.create(engine, root, Account("anna"), GOOD)
    clients.create(engine, Principal(made.id, "anna", is_superuser=False), NewClient("+79101234567", "Europe/Moscow"))
    with pytest.raises(ConflictError, match="deactivate"):
        accounts.delete(engine, root, made.id)


def test_one_active_superuser_is_always_left(engine: Engine, root: Principal) -> None:
    for account in (Account("root"), Account("root", is_superuser=True, is_active=False)):
        with pytest.raises(ConflictError, match="last"):
            accounts.change(engine, root, root.user_id, account)
    with pytest.raises(ConflictError):
        accounts.delete(engine, root, root.user_id)


def test_nobody_else_touches_users(engine: Engine, root: Principal) -> None:
    anna = Principal(root.user_id, "anna", is_superuser=False)
    with pytest.raises(ForbiddenError):
        accounts.get(engine, anna, root.user_id)
    with pytest.raises(ForbiddenError):
        accounts.create(engine, anna, Account("eve"), GOOD)
    with pytest.raises(ForbiddenError):
        accounts.set_password(engine, anna, root.user_id, GOOD)


def test_names_are_unique_whatever_their_case(engine: Engine, root: Principal) -> None:
    for name in ("Root", "", "a\nb", "x" * 151):
        with pytest.raises(InvalidInputError, match="username"):
            accounts.create(engine, root, Account(name), GOOD)


@pytest.mark.parametrize("password", ["short", "1234567890", "aaaaaaaaaaaa", "anna-anna-1", "Password123", "x" * 1025])
def test_a_bad_password_is_refused_with_the_rule_it_breaks(engine: Engine, root: Principal, password: str) -> None:
    with pytest.raises(InvalidInputError, match="password"):
        accounts.create(engine, root, Account("anna"), password)


def test_the_command_line_holds_to_the_same_rules(engine: Engine) -> None:
    for name, password in (("root", "chocolate"), ("root", "xx-root-12"), ("root", "12345678"), (" \t", GOOD), ("x" * 151, GOOD)):
        with pytest.raises((PasswordError, InvalidInputError)):
            users.ensure_superuser(engine, name, password)
    assert users.ensure_superuser(engine, " root ", GOOD)
    assert not users.ensure_superuser(engine, "ROOT", BETTER)


def second_factor_is_turned_on(engine: Engine, user: Principal) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO second_factor (user_id, secret, confirmed_at) VALUES (:user, '-', now())"), {"user": user.user_id}
        )


MEANWHILE: dict[str, Callable[[Engine, Principal], object]] = {
    "another password": lambda engine, root: users.ensure_superuser(engine, root.username, BETTER),
    "second factor": second_factor_is_turned_on,
}


@pytest.mark.parametrize("what", MEANWHILE)
@pytest.mark.parametrize("door", [log_in, lambda engine, name: logins.login(engine, name, GOOD, "127.0.0.1", RULES)])
def test_a_login_that_is_overtaken_by_a_change_gets_nothing(
    engine: Engine, root: Principal, what: str, door: Callable[[Engine, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change ends all sessions and tokens: one that was begun with the old password must not come after it."""
    succeeded = throttle.succeeded

    def later(source: Engine, attempt: Attempt) -> None:
        succeeded(source, attempt)
        MEANWHILE[what](engine, root)

    monkeypatch.setattr(logins, "succeeded", later)
    with pytest.raises(LoginError):
        door(engine, root.username)
    with engine.connect() as connection:
        assert (
            connection.execute(text("SELECT (SELECT count(*) FROM session) + (SELECT count(*) FROM api_token)")).scalar_one() == 0
        )


def test_a_password_is_compared_to_its_last_character(engine: Engine, root: Principal) -> None:
    long = "correct horse battery " * 46 + "correct horse "
    assert len(long) > 1020
    accounts.change_own_password(engine, root, GOOD, long[:1024], Kept(), GUESS)
    log_in(engine, "root", long[:1024])
    for other in (long[:1023], long[:1024] + "x"):
        with pytest.raises(LoginError):
            log_in(engine, "root", other)
