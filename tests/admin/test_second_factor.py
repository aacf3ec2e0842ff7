"""Logging in with a one-time code: set up, used once, lost, required."""

import re
import time
from datetime import UTC, datetime

import pyotp
import pytest
from sqlalchemy import Engine, text

from chalicelib import config
from chalicelib.admin import handler
from chalicelib.auth.keyring import UnreadableError, keyring
from chalicelib.config import ConfigurationError, Settings
from chalicelib.manage import migrate
from chalicelib.services import logins, second_factor, tokens
from tests.admin.browser import PASSWORD, Browser
from tests.admin.conftest import user_id
from tests.api.lambda_event import call

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LOGIN = "/api/v1/auth-rest/login"


class Phone:
    """An authenticator app whose clock the test moves; the service's moves with it."""

    def __init__(self) -> None:
        self.now = 1_900_000_000.0
        self.secret = ""

    def __call__(self, _connection: object) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def code(self) -> str:
        return pyotp.TOTP(self.secret).at(int(self.now))

    def scan(self, page: str) -> None:
        found = re.search(r'id="totp-key">([A-Z2-7]+)<', page)
        assert found is not None
        self.secret = found[1]


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> Phone:
    made = Phone()
    monkeypatch.setattr(logins, "clock", made)
    for name in ("confirm", "renew_codes", "turn_off"):
        keywords = getattr(second_factor, name).__kwdefaults__
        monkeypatch.setitem(keywords, "clock", made)
    return made


def enrol(browser: Browser, phone: Phone) -> list[str]:
    """Returns the recovery codes."""
    phone.scan(browser.get("/second-factor").text)
    page = browser.post("/second-factor", {"action": "on", "code": phone.code()}, expect=200).text
    codes = re.findall(r'<code class="token">([a-z2-9-]{34})</code>', page)
    assert len(codes) == 10
    return codes


def log_in(code: str, expect: int, name: str = "anna", password: str = PASSWORD) -> Browser:
    browser = Browser()
    browser.post("/login", {"username": name, "password": password, "code": code}, expect)
    return browser


def test_the_password_alone_does_not_suffice_any_more(anna: Browser, engine: Engine, phone: Phone) -> None:
    other = Browser().login("anna")
    phone.scan(anna.get("/second-factor").text)
    assert "not the code" in anna.post("/second-factor", {"action": "on", "code": "000000"}, expect=422).text
    log_in("", 303)
    enrol(anna, phone)
    anna.get("/tokens")
    other.get("/tokens", expect=303)
    assert "one-time code is needed" in Browser().post("/login", {"username": "anna", "password": PASSWORD}, expect=401).text
    log_in("123456", 401)
    assert "no user has" not in log_in("", 401, password="wrong").get("/login").text
    phone.now += 30
    log_in(phone.code(), 303).get("/tokens")
    with engine.connect() as connection:
        stored = "\n".join(
            str(row) for row in connection.execute(text("SELECT details FROM audit_event WHERE event = 'login_failed'"))
        )
    assert "missing" in stored
    assert "wrong" in stored


def test_a_code_is_good_once_and_for_a_minute(anna: Browser, phone: Phone) -> None:
    enrol(anna, phone)
    used = phone.code()
    log_in(used, 401)
    phone.now += 30
    code = phone.code()
    log_in(f" {code[:3]} {code[3:]} ", 303)
    log_in(code, 401)
    phone.now += 30
    earlier = phone.code()
    phone.now += 30
    log_in(phone.code(), 303)
    log_in(earlier, 401)
    late = phone.code()
    phone.now += 90
    log_in(late, 401)


def test_recovery_codes_are_good_once_each_and_stored_as_hashes(anna: Browser, engine: Engine, phone: Phone) -> None:
    codes = enrol(anna, phone)
    log_in(codes[0].upper(), 303)
    log_in(codes[0], 401)
    with engine.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM recovery_code")).all())
    assert all(code not in stored and code.replace("-", "") not in stored for code in codes)
    assert "Recovery codes left: 9" in anna.get("/second-factor").text
    renewed = anna.post("/second-factor", {"action": "codes", "code": codes[1]}, expect=200).text
    assert "Recovery codes left: 10" in renewed
    log_in(codes[2], 401)


def test_it_is_turned_off_with_a_code_and_by_superusers(root: Browser, anna: Browser, engine: Engine, phone: Phone) -> None:
    codes = enrol(anna, phone)
    assert "used before" in anna.post("/second-factor", {"action": "off", "code": "1"}, expect=422).text
    anna.post("/second-factor", {"action": "off", "code": codes[0]})
    log_in("", 303)
    codes = enrol(anna, phone)
    root.act("user", "second-factor", user_id(engine, "anna"))
    anna.get("/tokens", expect=303)
    log_in("", 303)
    assert (
        anna.login("anna").ask("POST", f"/admin/_api/user/row-action?name=second-factor&pk={user_id(engine, 'root')}").status
        == 403
    )


def test_the_api_asks_for_it_too(anna: Browser, phone: Phone) -> None:
    enrol(anna, phone)
    given = {"username": "anna", "password": PASSWORD}
    assert call("POST", LOGIN, body=given).status == 401
    phone.now += 30
    code = phone.code()
    assert call("POST", LOGIN, body={**given, "code": code}).json["token"].startswith("mlg_")
    assert call("POST", LOGIN, body={**given, "code": code}).status == 401


def test_codes_cannot_be_guessed_without_end(anna: Browser, phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    enrol(anna, phone)
    monkeypatch.setenv("LOGIN_MAX_FAILURES", "3")
    config.settings.cache_clear()
    statuses = [call("POST", LOGIN, body={"username": "anna", "password": PASSWORD, "code": f"{n:06}"}).status for n in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


def test_nor_with_a_session_that_somebody_left_open(anna: Browser, phone: Phone) -> None:
    codes = enrol(anna, phone)
    for number in range(10):
        anna.post("/second-factor", {"action": ("off", "codes")[number % 2], "code": f"{number:06}"}, expect=422)
    assert "Too many attempts" in anna.post("/second-factor", {"action": "off", "code": codes[0]}, expect=422).text


def test_superusers_can_be_required_to_have_it(
    root: Browser, anna: Browser, engine: Engine, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = root.csrf
    monkeypatch.setenv("SECOND_FACTOR_FOR_SUPERUSERS", "true")
    config.settings.cache_clear()
    anna.get("/tokens")
    for path in ("/", "/user/list", "/tokens", "/data/selection", "/audit/list"):
        assert "/login" in root.get(path, expect=303).location
    assert root.ask("GET", "/admin/login").location.endswith("/admin/second-factor")
    assert root.ask("POST", "/admin/tokens", f"name=x&csrftoken={token}", FORM).status == 303
    secret = root.cookies["mailing_session"]
    assert tokens.create_for_documentation(engine, secret) is None
    answer = call("POST", LOGIN, body={"username": "root", "password": PASSWORD})
    assert (answer.status, "second factor" in answer.json["message"]) == (401, True)
    enrol(root, phone)
    root.get("/user/list")
    assert tokens.create_for_documentation(engine, secret) is not None
    phone.now += 30
    assert call("POST", LOGIN, body={"username": "root", "password": PASSWORD, "code": phone.code()}).status == 200
    stranger = Browser()
    assert stranger.ask("GET", "/admin/second-factor").status == 403


def test_the_clock_is_the_databases(anna: Browser) -> None:
    """Without any clock of the test's."""
    page = anna.get("/second-factor").text
    found = re.search(r'id="totp-key">([A-Z2-7]+)<', page)
    assert found is not None
    anna.post("/second-factor", {"action": "on", "code": pyotp.TOTP(found[1]).at(int(time.time()))}, expect=200)


def stored(engine: Engine) -> dict[int, str]:
    with engine.connect() as connection:
        return {row.user_id: row.secret for row in connection.execute(text("SELECT user_id, secret FROM second_factor"))}


def store(engine: Engine, user: int, secret: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE second_factor SET secret = :secret WHERE user_id = :user"), {"secret": secret, "user": user}
        )


def with_keys(monkeypatch: pytest.MonkeyPatch, *keys: str) -> Settings:
    monkeypatch.setenv("ENCRYPTION_KEYS", ",".join(keys))
    config.settings.cache_clear()
    return config.settings()


def test_no_dump_of_the_database_holds_an_apps_secret(root: Browser, anna: Browser, engine: Engine, phone: Phone) -> None:
    enrol(anna, phone)
    (sealed,) = stored(engine).values()
    assert phone.secret not in sealed
    assert keyring().open("secrets of authenticator apps", user_id(engine, "anna"), sealed) == phone.secret
    with pytest.raises(UnreadableError):
        keyring().open("another purpose", user_id(engine, "anna"), sealed)
    # Whoever can write to the database cannot give their own app's secret to somebody else.
    root.get("/second-factor")
    store(engine, user_id(engine, "root"), sealed)
    with engine.begin() as connection:
        connection.execute(text("UPDATE second_factor SET confirmed_at = now()"))
    phone.now += 30
    log_in(phone.code(), 401, name="root")
    log_in(phone.code(), 303)


def test_migrate_seals_what_was_stored_in_clear_and_changes_keys(
    anna: Browser, engine: Engine, owner_engine: Engine, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = enrol(anna, phone)
    anna_id = user_id(engine, "anna")
    store(engine, anna_id, phone.secret)
    phone.now += 30
    log_in(phone.code(), 303)  # between the new code and its migration
    old, new = "o" * 40, "n" * 40
    for keys, readable in (((old,), True), ((old, new), True), ((new, old), True), ((new,), True), ((old,), False)):
        migrate(owner_engine, with_keys(monkeypatch, *keys))
        assert phone.secret not in stored(engine)[anna_id]
        phone.now += 30
        log_in(phone.code(), 303 if readable else 401)
    log_in(codes[0], 303)  # the key is lost, the recovery codes are not
    before = stored(engine)
    migrate(owner_engine, with_keys(monkeypatch, new))
    assert stored(engine) == before


def test_an_app_that_was_not_confirmed_starts_anew_when_its_key_is_gone(
    anna: Browser, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone.scan(anna.get("/second-factor").text)
    shown = phone.secret
    phone.scan(anna.get("/second-factor").text)
    assert phone.secret == shown
    with_keys(monkeypatch, "x" * 32)
    enrol(anna, phone)
    assert phone.secret != shown


def test_without_a_key_no_attempt_is_counted_and_nothing_is_migrated_by_halves(
    anna: Browser, engine: Engine, owner_engine: Engine, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(anna, phone)
    store(engine, user_id(engine, "anna"), phone.secret)
    with engine.connect() as connection:
        before = connection.execute(text("SELECT * FROM login_attempt")).all()
    chosen = with_keys(monkeypatch)
    with pytest.raises(ConfigurationError, match="ENCRYPTION_KEYS"):
        logins.checked(engine, "anna", PASSWORD, "192.0.2.1", logins.limit_of(chosen))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM login_attempt")).all() == before
    with pytest.raises(ConfigurationError, match="ENCRYPTION_KEYS"):
        migrate(owner_engine, chosen)
    assert list(stored(engine).values()) == [phone.secret]


def test_a_form_made_before_the_keys_changed_is_still_taken_until_its_key_is_gone(
    anna: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = "o" * 40, "n" * 40

    def restarted(*keys: str) -> None:
        with_keys(monkeypatch, *keys)
        handler.forget()

    restarted(old)
    token = anna.csrf
    for keys, status in (((old, new), 200), ((new, old), 200), ((new,), 403)):
        restarted(*keys)
        anna.post("/tokens", {"csrftoken": token, "name": "shop"}, expect=status)
