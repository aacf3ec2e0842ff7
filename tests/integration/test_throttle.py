"""Guessing passwords: bounded from any number of addresses, and never a way to lock somebody out."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from chalicelib.auth.passwords import hash_password
from chalicelib.auth.throttle import Guess, Limit, TooManyAttemptsError, admit, succeeded
from chalicelib.domain.access import Principal
from chalicelib.domain.characters import canonical
from chalicelib.domain.errors import InvalidInputError
from chalicelib.services import accounts, logins
from chalicelib.services.accounts import Kept
from tests.world import OwnClock

LIMIT = Limit(failures=10, window_seconds=900)
HOME, OFFICE = "203.0.113.5", "203.0.113.6"
PASSWORD = "correct horse battery"


def log_in(engine: Engine, clock: OwnClock, address: str, name: str = "anna", device: str = "") -> None:
    """With the right password."""
    succeeded(engine, admit(engine, name, address, LIMIT, device=device, clock=clock), clock=clock)


def fail(engine: Engine, clock: OwnClock, address: str, name: str = "anna", device: str = "") -> float:
    """With a wrong one; in how many seconds another try is worth it, 0 if this one was looked at."""
    try:
        admit(engine, name, address, LIMIT, device=device, clock=clock)
    except TooManyAttemptsError as error:
        return error.retry_after
    return 0


def test_guessers_elsewhere_do_not_lock_the_owner_out(engine: Engine) -> None:
    """Who has logged in from this address or in this browser gets in at once, whatever the others do."""
    clock = OwnClock()
    log_in(engine, clock, HOME, device="her browser")
    for number in range(120):
        fail(engine, clock, f"198.51.100.{number % 250}")
        clock.advance(seconds=number % 7)
    fail(engine, clock, "198.51.100.251")
    assert fail(engine, clock, "198.51.100.252") > 0
    log_in(engine, clock, HOME)
    log_in(engine, clock, "192.0.2.77", device="her browser")


def test_a_guesser_at_the_same_address_does_not_lock_a_known_browser_out(engine: Engine) -> None:
    clock = OwnClock()
    log_in(engine, clock, OFFICE, device="her browser")
    for number in range(150):
        fail(engine, clock, OFFICE, name="anna" if number < 40 else f"user{number}")
    assert fail(engine, clock, OFFICE) > 0
    log_in(engine, clock, OFFICE, device="her browser")


def test_a_place_is_known_for_its_own_user_and_for_a_while(engine: Engine) -> None:
    clock = OwnClock()
    log_in(engine, clock, HOME, device="her browser")
    for address in range(40):
        fail(engine, clock, f"198.51.100.{address}", name="boris")
    assert fail(engine, clock, HOME, name="boris", device="her browser") > 0
    clock.advance(days=91)
    for address in range(12):
        fail(engine, clock, f"198.51.100.{address}")
        clock.advance(seconds=1)
    assert fail(engine, clock, HOME, device="her browser") > 0


def test_from_any_number_of_addresses_so_many_guesses_an_hour(engine: Engine) -> None:
    """As soon as each is let through, from a new address each time, over eight hours, with the user logging in meanwhile."""
    clock = OwnClock()
    log_in(engine, clock, HOME, device="her browser")
    start = clock.now
    admitted: list[datetime] = []
    while clock.now < start + timedelta(hours=8):
        wait = fail(engine, clock, f"2001:db8::{len(admitted):x}")
        if wait:
            clock.advance(seconds=wait)
            continue
        admitted.append(clock.now)
        if len(admitted) % 50 == 0:
            log_in(engine, clock, HOME, device="her browser")
    most = max(sum(moment <= each < moment + timedelta(hours=1) for each in admitted) for moment in admitted)
    assert most <= LIMIT.guesses_an_hour <= 100  # ASVS: no more than 100 an hour
    assert len(admitted) <= 8 * LIMIT.guesses_an_hour
    assert len(admitted) > 8 * 20  # a bound, not a lock


def test_from_one_place_so_many_in_the_window(engine: Engine) -> None:
    """A known address or browser is held to the strict limit."""
    clock = OwnClock()
    log_in(engine, clock, HOME, device="her browser")
    for device in ("", "her browser"):
        assert [fail(engine, clock, HOME, device=device) for _ in range(10)] == [0] * 10
        assert fail(engine, clock, HOME, device=device) == 900
        clock.advance(seconds=899)
        assert fail(engine, clock, HOME, device=device) == 1
        clock.advance(seconds=2)
        assert fail(engine, clock, HOME, device=device) == 0
        clock.advance(hours=2)


def test_an_invented_browser_is_not_a_known_one(engine: Engine) -> None:
    clock = OwnClock()
    log_in(engine, clock, HOME, device="her browser")
    waits = [fail(engine, clock, "198.51.100.1", device=f"invented {number}") for number in range(12)]
    assert waits[:10] == [0] * 10
    assert all(waits[10:])


@pytest.mark.usefixtures("settings")
def test_one_way_to_fold_names(engine: Engine) -> None:
    """Guesses are counted for the user whose stored name it is, in whatever way the name is written."""
    for written in ("İstanbul", "ANNA", "straße"):
        with engine.begin() as connection:
            connection.execute(
                text("""INSERT INTO "user" (username, password_hash, is_active) VALUES (:name, :hash, true)"""),
                {"name": canonical(written), "hash": hash_password(PASSWORD)},
            )
        for variant in {written, written.lower(), written.upper(), written.casefold(), written.swapcase()}:
            same = canonical(variant) == canonical(written)
            for _ in range(2):
                with pytest.raises((logins.LoginError, TooManyAttemptsError)):
                    logins.checked(engine, variant, "wrong", HOME, Limit(1, 900))
            with engine.connect() as connection:
                assert same == _is_counted(connection, written, engine)
                connection.execute(text("DELETE FROM login_attempt"))
                connection.commit()


def _is_counted(_connection: Connection, written: str, engine: Engine) -> bool:
    try:
        logins.checked(engine, written, PASSWORD, HOME, Limit(1, 900))
    except TooManyAttemptsError:
        return True
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM known_place"))
    return False


@pytest.mark.usefixtures("settings")
def test_the_old_password_is_guessed_no_oftener_than_at_the_login(engine: Engine) -> None:
    with engine.begin() as connection:
        user = connection.execute(
            text("""INSERT INTO "user" (username, password_hash) VALUES ('anna', :hash) RETURNING id"""),
            {"hash": hash_password(PASSWORD)},
        ).scalar_one()
    principal, guess = Principal(user, "anna", is_superuser=False), Guess(HOME, Limit(3, 900))
    for _ in range(3):
        with pytest.raises(InvalidInputError, match="not your password"):
            accounts.change_own_password(engine, principal, "wrong", "staple of horses", Kept(), guess)
    with pytest.raises(TooManyAttemptsError):
        accounts.change_own_password(engine, principal, PASSWORD, "staple of horses", Kept(), guess)
    with pytest.raises(TooManyAttemptsError):
        logins.checked(engine, "Anna", PASSWORD, HOME, guess.limit)
