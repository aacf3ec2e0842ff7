"""Single sign-on against a provider over real HTTP: who gets in, as whom, and what is refused."""

import gzip
import re
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Engine, text

from chalicelib import config
from chalicelib.admin import handler
from chalicelib.admin.pages import single_sign_on as page
from chalicelib.auth import oidc
from chalicelib.domain.access import Principal
from chalicelib.services import accounts, single_sign_on, users
from chalicelib.services.accounts import Account
from tests.admin.browser import PASSWORD, Answer, Browser
from tests.admin.conftest import add_user, user_id
from tests.admin.openid_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Claims,
    OpenIdProvider,
    signed_with_other_key,
    signed_with_public_key,
    unsigned,
)
from tests.api.lambda_event import call

Set = Callable[..., None]


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    made = OpenIdProvider().start()
    yield made
    made.stop()


@pytest.fixture
def set_up(root: Browser, engine: Engine, provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch) -> Set:
    """With anna prepared; more settings by name."""

    def change(**values: str) -> None:
        usual = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}
        for name, value in {**usual, **values}.items():
            monkeypatch.setenv(name.upper(), value)
        config.settings.cache_clear()
        page._provider_of.cache_clear()
        handler.forget()

    del root
    change()
    anna = add_user(engine, "anna")
    superuser = Principal(user_id(engine, "root"), "root", is_superuser=True)
    single_sign_on.prepare(engine, superuser, anna, provider.issuer, " Anna@Example.COM ")
    return change


def go(provider: OpenIdProvider, browser: Browser, following: str = "") -> str:
    """To the provider, where the person logs in; the path that the browser is sent back to."""
    address = browser.get(f"/single-sign-on{following}", expect=303).location
    back = urlsplit(provider.log_in(address))
    return f"{back.path.removeprefix('/admin')}?{back.query}"


def sign_on(provider: OpenIdProvider, browser: Browser | None = None) -> Answer:
    browser = browser or Browser()
    return browser.get(go(provider, browser), expect=303)


def is_in(answer: Answer) -> bool:
    return any("mailing_session=" in cookie and "Max-Age=0" not in cookie for cookie in answer.cookies)


def reason(engine: Engine) -> str:
    with engine.connect() as connection:
        found: str = connection.execute(
            text("SELECT details ->> 'reason' FROM audit_event WHERE event = 'login_failed' ORDER BY id DESC LIMIT 1")
        ).scalar_one()
    return found


def names(engine: Engine) -> dict[str, bool]:
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(text('SELECT username, is_superuser FROM "user"'))}


@pytest.mark.usefixtures("set_up")
def test_a_prepared_person_is_linked_at_the_first_login_and_known_by_the_subject_from_then_on(
    provider: OpenIdProvider, engine: Engine
) -> None:
    browser = Browser()
    answer = browser.get(go(provider, browser, "?next=/admin/client/list"), expect=303)
    assert is_in(answer)
    assert answer.location.endswith("/admin/client/list")
    assert "anna" in browser.get("/account").text
    provider.person["email"] = "anna@married.example"
    assert is_in(sign_on(provider)), "the subject counts, not the address"
    provider.person = {"sub": "subject-2", "email": "anna@example.com", "email_verified": True}
    assert not is_in(sign_on(provider)), "somebody who was given the address later is somebody else"
    assert reason(engine) == "nobody_prepared"
    assert provider.asked.count("/.well-known/openid-configuration") == provider.asked.count("/keys") == 1, "both are kept"
    assert names(engine) == {"root": True, "anna": False}
    with engine.connect() as connection:
        done = connection.execute(
            text("SELECT details ->> 'by' FROM audit_event WHERE event = 'login_ok' ORDER BY id DESC")
        ).scalars()
        assert next(iter(done)) == "single_sign_on"


def _with(**changes: Any) -> Callable[[Claims], Claims]:
    def change(claims: Claims) -> Claims:
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    return change


NOW = int(time.time())
BAD_CLAIMS = {
    "nonce of another login": (_with(nonce="x" * 43), "claim_nonce"),
    "no nonce": (_with(nonce=None), "claim_nonce"),
    "another issuer": (_with(iss="https://other.example"), "claim_iss"),
    "issuer as a list": (lambda claims: {**claims, "iss": [claims["iss"]]}, "claim"),
    "another audience": (_with(aud="another"), "claim_aud"),
    "no audience": (_with(aud=None), "claim_aud"),
    "many audiences and no azp": (_with(aud=[CLIENT_ID, "another"]), "claim"),
    "made for another client": (_with(aud=[CLIENT_ID, "another"], azp="another"), "claim_azp"),
    "expired": (_with(exp=NOW - 120), "expired"),
    "no end": (_with(exp=None), "claim_exp"),
    "end that is no number": (_with(exp="tomorrow"), "claim"),
    "made in the future": (_with(iat=NOW + 86_400, exp=NOW + 90_000), "claim"),
    "made long ago": (_with(iat=NOW - 86_400), "claim"),
    "not valid yet": (_with(nbf=NOW + 86_400), "claim"),
    "no subject": (_with(sub=None), "claim_sub"),
    "empty subject": (_with(sub=""), "claim"),
    "endless subject": (_with(sub="x" * 256), "claim"),
    "subject that is a number": (_with(sub=1), "claim"),
    "subject with NUL": (_with(sub="a\0b"), "claim"),
    "of another access token": (_with(at_hash="x" * 22), "claim_at_hash"),
}


@pytest.mark.usefixtures("set_up")
def test_a_page_elsewhere_logs_nobody_in(provider: OpenIdProvider) -> None:
    """Of whoever is logged in at the provider it could make a session here that nobody asked for."""
    for site, begins in (("cross-site", False), ("same-site", False), ("same-origin", True), ("none", True)):
        answer = Browser().ask("GET", "/admin/single-sign-on", headers={"Sec-Fetch-Site": site})
        assert answer.location.startswith(provider.issuer) is begins, site
        assert begins or answer.location.endswith("/admin/login")
        assert any("mailing_sign_on=" in cookie for cookie in answer.cookies) is begins


@pytest.mark.usefixtures("set_up")
def test_tokens_with_wrong_claims_let_nobody_in(provider: OpenIdProvider, engine: Engine) -> None:
    for name, (change, why) in BAD_CLAIMS.items():
        provider.change = change
        assert not is_in(sign_on(provider)), name
        assert reason(engine).startswith(why), (name, reason(engine))
    provider.change = _with(exp=int(time.time()) - 30)
    assert is_in(sign_on(provider)), "a clock may be off by a minute"


@pytest.mark.usefixtures("set_up")
def test_tokens_that_the_provider_did_not_sign_let_nobody_in(provider: OpenIdProvider, engine: Engine) -> None:
    bad: dict[str, tuple[Callable[[Claims], Any], str | tuple[str, ...]]] = {
        "alg none": (lambda claims: unsigned({"alg": "none"}, claims), "algorithm"),
        "alg None": (lambda claims: unsigned({"alg": "None", "kid": "one"}, claims), "algorithm"),
        "no alg": (lambda claims: unsigned({"kid": "one"}, claims), "malformed"),
        "HS256 with the public key": (signed_with_public_key(provider), "algorithm"),
        "no signature": (lambda claims: unsigned({"alg": "RS256", "kid": "one"}, claims), "signature"),
        "another key": (signed_with_other_key(), "signature"),
        "a key of its own": (signed_with_other_key(bring=True), ("signature", "malformed")),
        "a key elsewhere": (signed_with_other_key(jku="https://evil.example/keys"), "signature"),
        "an unknown key": (signed_with_other_key(kid="two"), "unknown_key"),
        "another kind of key": (signed_with_other_key("ES256"), "unknown_key"),
        "kid that is no text": (lambda claims: unsigned({"alg": "RS256", "kid": {"a": 1}}, claims), "unknown_key"),
        "five parts": (lambda _: "a.b.c.d.e", "malformed"),
        "no token": (lambda _: "", "malformed"),
        "long": (lambda _: unsigned({"alg": "RS256"}, {}).replace(".", "." + "W" * 25_000), "malformed"),
        "longer than any answer": (lambda _: "W" * 100_000, "code_not_accepted"),
        "a number": (lambda _: 7, "no_id_token"),
    }
    for name, (sign, why) in bad.items():
        provider.sign = sign
        assert not is_in(sign_on(provider)), name
        assert reason(engine).startswith(why), (name, reason(engine))


@pytest.mark.usefixtures("set_up")
def test_odd_answers_of_the_token_endpoint_let_nobody_in_and_raise_nothing(provider: OpenIdProvider, engine: Engine) -> None:
    answers: dict[str, tuple[int, bytes, dict[str, str]]] = {
        "error": (400, b'{"error": "invalid_grant"}', {}),
        "500": (500, b"oops", {}),
        "no JSON": (200, b"<html>", {}),
        "a list": (200, b"[]", {}),
        "deep": (200, b"[" * 100_000, {}),
        "redirect": (302, b"", {"Location": "http://169.254.169.254/latest"}),
        "huge": (200, b" " * 300_000, {}),
        "packed": (200, b"x", {"Content-Encoding": "gzip"}),
        "nothing": (200, b"", {}),
        "not UTF-8": (200, b"\xff\xfe\xff", {}),
    }
    for name, answer in answers.items():
        provider.token_answer = answer
        assert not is_in(sign_on(provider)), name
        assert reason(engine) in ("code_not_accepted", "unexpected_answer", "no_id_token"), (
            name,
            reason(engine),
        )


@pytest.mark.usefixtures("set_up")
def test_an_answer_is_taken_once_and_only_by_the_browser_that_asked(provider: OpenIdProvider, engine: Engine) -> None:
    browser = Browser()
    back = go(provider, browser)
    assert not is_in(Browser().get(back, expect=303)), "another browser: somebody's login is forced upon nobody"
    assert reason(engine) == "no_login_begun"
    other = Browser()
    other.get("/single-sign-on", expect=303)
    assert not is_in(other.get(back, expect=303))
    assert reason(engine) == "wrong_state"
    kept = dict(browser.cookies)
    assert is_in(browser.get(back, expect=303))
    assert not is_in(browser.get(back, expect=303)), "the cookie is gone"
    browser.cookies = kept
    assert not is_in(browser.get(back, expect=303)), "and the state is used up where it was kept"
    assert reason(engine) == "state_reused"
    browser = Browser()
    back = go(provider, browser)
    assert not is_in(browser.get(f"{back}&code=other", expect=303))
    assert reason(engine) == "repeated_parameter"
    back = go(provider, browser)
    for name in browser.cookies:
        if "sign_on" in name:
            # Not the last character of the signature: some of its bits stand for nothing.
            payload, _, signature = browser.cookies[name].rpartition(".")
            browser.cookies[name] = f"{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    assert not is_in(browser.get(back, expect=303))
    assert reason(engine) == "no_login_begun"


@pytest.mark.usefixtures("set_up")
def test_an_answer_of_another_provider_is_not_exchanged_at_this_one(provider: OpenIdProvider, engine: Engine) -> None:
    browser = Browser()
    back = go(provider, browser)
    before = provider.asked.count("/token")
    assert not is_in(browser.get(back.replace("iss=http", "iss=https"), expect=303))
    assert reason(engine) == "wrong_issuer"
    back = go(provider, browser)
    refused = (
        f"{back.partition('?')[0]}?error=access_denied&error_description=<b>&state={parse_qs(urlsplit(back).query)['state'][0]}"
    )
    answer = browser.get(refused, expect=303)
    assert reason(engine) == "refused_by_provider"
    page_text = browser.ask("GET", urlsplit(answer.location).path + "?" + urlsplit(answer.location).query).text
    assert "Single sign-on failed" in page_text
    assert "&lt;b&gt;" not in page_text
    assert "<b>" not in page_text
    assert provider.asked.count("/token") == before


def slowly(start: bytes, piece: bytes) -> Iterator[bytes]:
    yield start
    while True:  # until the service hangs up
        time.sleep(0.1)
        yield piece


def huge(start: bytes) -> Iterator[bytes]:
    yield start
    for _ in range(160):
        yield b" " * 65536


def with_body(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> list[bytes]:
    return [b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers, b"", body])]


def keys(*found: bytes) -> list[bytes]:
    return with_body(b'{"keys": [' + b",".join(found) + b"]}")


HEAD = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(b" " * 50_000_000, mtime=0)
HOSTILE: dict[str, Callable[[], Iterable[bytes]]] = {
    "nothing": list,
    "no HTTP": lambda: [b"SSH-2.0-OpenSSH_9.6\r\n"],
    "status without number": lambda: [b"HTTP/1.1 \xff\xfe OK\r\n\r\n"],
    "headers without end": lambda: [HEAD + b"X: y\r\n" * 100_000],
    "a header without end": lambda: huge(HEAD + b"X: "),
    "a status line byte by byte": lambda: slowly(b"HTTP/1.1 2", b"0"),
    "headers byte by byte": lambda: slowly(HEAD, b"X"),
    "a body byte by byte": lambda: slowly(HEAD + b"Content-Length: 9999\r\n\r\n", b" "),
    "interim answers without end": lambda: slowly(b"", b"HTTP/1.1 103 Wait\r\n\r\n"),
    "chunks without end": lambda: slowly(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a body of 10 MB": lambda: huge(HEAD + b"\r\n"),
    "a body of 10 MB with its length": lambda: huge(HEAD + b"Content-Length: 10485760\r\n\r\n"),
    "a chunk of a size that is none": lambda: [HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"],
    "a length that is none": lambda: [HEAD + b"Content-Length: -7\r\n\r\n{}"],
    "half of a body": lambda: [HEAD + b"Content-Length: 100\r\n\r\n{}"],
    "two framings": lambda: [HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"],
    "a redirect": lambda: with_body(b"", b"Location: http://169.254.169.254/latest", status=b"302 Found"),
    "a redirect to nowhere": lambda: with_body(b"", b"Location: http://[", status=b"307 Temporary Redirect"),
    "a redirect to itself": lambda: with_body(b"", b"Location: /keys", status=b"308 Permanent Redirect"),
    "a gzip bomb": lambda: with_body(BOMB, b"Content-Encoding: gzip"),
    "gzip that is none": lambda: with_body(b"\x1f\x8b" + b"\0" * 50, b"Content-Encoding: gzip"),
    "a page": lambda: with_body(b"<html>", b"Content-Type: text/html"),
    "not UTF-8": lambda: with_body(b'{"issuer": "\xff"}'),
    "UTF-16 without an end": lambda: with_body(b"\xff\xfe{"),
    "deep": lambda: with_body(b"[" * 60_000),
    "deep objects": lambda: with_body(b'{"a":' * 10_000),
    "a number of 60,000 digits": lambda: with_body(b'{"keys": ' + b"9" * 60_000 + b"}"),
    "a list": lambda: with_body(b"[]"),
    "empty": lambda: with_body(b"{}"),
    "other types": lambda: with_body(b'{"issuer": 7, "keys": {"kid": []}, "id_token": {}, "expires_in": "x"}'),
    "odd keys": lambda: keys(b"7", b"null", b'{"kty": "RSA", "kid": "one", "n": 1}', b'{"kty": ["RSA"], "kid": {}}'),
    "a key that is none": lambda: keys(b'{"kty": "RSA", "kid": "one", "n": "AQ", "e": "!"}'),
    "a key of 200,000 bits": lambda: keys(b'{"kty": "RSA", "kid": "one", "n": "%s", "e": "%s"}' % (b"7" * 32_000, b"7" * 30_000)),
    "one key twice": lambda: keys(*[b'{"kty": "RSA", "kid": "one", "n": "AQ", "e": "AQAB"}'] * 2),
    "10,000 keys": lambda: keys(*[b"{}"] * 10_000),
    "odd expiry": lambda: with_body(b'{"id_token": "a.b.c", "access_token": "a", "token_type": 7, "expires_in": 1e999}'),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_whatever_a_provider_writes_nobody_gets_in_and_it_is_said_in_time(
    set_up: Set, provider: OpenIdProvider, engine: Engine, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place of discovery, keys and tokens; the deadline is shortened, so that the test does not take minutes."""
    monkeypatch.setattr(oidc, "_DEADLINE_SECONDS", 1.0)
    for path in ("/.well-known/openid-configuration", "/keys", "/token"):
        set_up()
        browser = Browser()
        provider.raw = {}
        back = "/single-sign-on" if path == "/.well-known/openid-configuration" else go(provider, browser)
        provider.raw = {path: HOSTILE[what]}
        tracemalloc.start()
        began = time.monotonic()
        answer = browser.get(back, expect=303)
        took, most = time.monotonic() - began, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert took < 2.5, (path, took)
        assert most < 10_000_000, (path, most)
        assert not is_in(answer), path
        assert "problem=single-sign-on" in answer.location, path
        assert re.fullmatch("[a-z_]+", reason(engine)), path
        assert provider.asked.count(path) == 1, "nothing is asked for again"
        provider.asked.clear()


def test_one_deadline_holds_for_all_calls_of_a_login(
    set_up: Set, provider: OpenIdProvider, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "_DEADLINE_SECONDS", 1.0)
    set_up()
    browser = Browser()
    back = go(provider, browser)
    page._provider_of.cache_clear()  # discovery, token and keys are to come
    provider.delay = 0.45
    began = time.monotonic()
    assert not is_in(browser.get(back, expect=303))
    assert time.monotonic() - began < 1.5
    assert reason(engine) == "too_slow"


def test_metadata_that_leads_elsewhere_is_refused(set_up: Set, provider: OpenIdProvider, engine: Engine) -> None:
    for metadata in (
        {"issuer": "https://other.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": "http://["},
    ):
        provider.metadata = metadata
        set_up()
        assert "problem=single-sign-on" in Browser().get("/single-sign-on", expect=303).location
        assert reason(engine) == "discovery"
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    set_up()
    browser = Browser()
    back = go(provider, browser)
    assert not is_in(browser.get(back.partition("&iss=")[0], expect=303))
    assert reason(engine) == "wrong_issuer"


def test_a_provider_that_is_down_is_said_so(set_up: Set, provider: OpenIdProvider, engine: Engine) -> None:
    set_up(oidc_issuer="http://127.0.0.1:9")
    assert "problem=single-sign-on" in Browser().get("/single-sign-on", expect=303).location
    assert reason(engine) == "unreachable"
    del provider


@pytest.mark.usefixtures("set_up")
def test_a_login_leads_nowhere_but_to_this_site(provider: OpenIdProvider) -> None:
    for where in ("https://evil.example/", "//evil.example/", "/%09/evil.example", "/\\evil.example", "javascript:alert(1)"):
        browser = Browser()
        answer = browser.get(go(provider, browser, f"?next={where}"), expect=303)
        assert is_in(answer)
        assert urlsplit(answer.location).netloc in ("", "localhost"), where
        assert "evil" not in urlsplit(answer.location).netloc


@pytest.mark.usefixtures("set_up")
def test_a_new_key_of_the_provider_is_found(provider: OpenIdProvider) -> None:
    assert is_in(sign_on(provider))
    current = page._provider()
    provider.key = type(provider.key).generate_key(2048, {"kid": "two", "use": "sig"})
    provider.sign = lambda claims: page_token(provider, claims)
    current._kept.keys_from -= 61
    assert is_in(sign_on(provider))
    for _ in range(3):
        provider.sign = signed_with_other_key(kid="three")
        assert not is_in(sign_on(provider))
    assert provider.asked.count("/keys") == 2, "unknown keys are asked for once a minute at most"


def page_token(provider: OpenIdProvider, claims: Claims) -> str:
    from joserfc import jwt

    return jwt.encode({"alg": "RS256", "kid": "two"}, claims, provider.key)


def test_nobody_is_created_or_let_in_by_a_claim_alone(set_up: Set, provider: OpenIdProvider, engine: Engine) -> None:
    provider.person = {"sub": "s-9", "email": "anna@example.com", "email_verified": False}
    assert not is_in(sign_on(provider)), "anybody may say that an address is theirs"
    assert reason(engine) == "nobody_prepared"
    provider.person = {"sub": "s-9", "email": "bob@example.com", "email_verified": "true"}
    set_up(oidc_create_users="true")
    assert not is_in(sign_on(provider))
    assert reason(engine) == "claim_unusable"
    provider.person["email_verified"] = True
    provider.person |= {"groups": ["admins", "superusers"], "is_superuser": True, "roles": ["admin"]}
    assert is_in(sign_on(provider))
    assert names(engine) == {"root": True, "anna": False, "bob@example.com": False}
    assert is_in(sign_on(provider))
    set_up(oidc_create_users="true", oidc_claim="preferred_username")
    provider.person = {"sub": "s-10", "preferred_username": "ROOT"}
    assert not is_in(sign_on(provider)), "a name that is taken is not taken over"
    assert reason(engine) == "name_taken"
    provider.person = {"sub": "s-11", "preferred_username": ["root"]}
    assert not is_in(sign_on(provider))


def test_only_a_configured_group_makes_superusers_and_unmakes_them(set_up: Set, provider: OpenIdProvider, engine: Engine) -> None:
    set_up(oidc_superuser_group="admins")
    for groups, expected in ((["admins"], True), (["users"], False), ("admins", False), (["admins"], True), (None, False)):
        provider.person["groups"] = groups
        assert is_in(sign_on(provider))
        assert names(engine)["anna"] is expected, groups
    with engine.begin() as connection:
        connection.execute(text("""UPDATE "user" SET is_superuser = username = 'anna'"""))
    assert is_in(sign_on(provider))
    assert names(engine)["anna"], "the last superuser stays one"
    set_up(oidc_superuser_group="admins", second_factor_for_superusers="true")
    assert not is_in(sign_on(provider))
    assert reason(engine) == "second_factor_missing"
    provider.person["amr"] = ["pwd", "mfa"]
    assert is_in(sign_on(provider))


@pytest.mark.usefixtures("set_up")
def test_deactivated_users_stay_out_and_a_removed_identity_ends_the_sessions(
    root: Browser, provider: OpenIdProvider, engine: Engine
) -> None:
    anna = user_id(engine, "anna")
    browser = Browser()
    assert is_in(sign_on(provider, browser))
    root.act("user", "single-sign-on", anna, {"claim": ""})
    browser.get("/account", expect=303)
    assert not is_in(sign_on(provider))
    root.act("user", "single-sign-on", anna, {"claim": "anna@example.com"})
    assert is_in(sign_on(provider))
    superuser = Principal(user_id(engine, "root"), "root", is_superuser=True)
    accounts.change(engine, superuser, anna, Account("anna", is_active=False))
    assert not is_in(sign_on(provider))
    assert reason(engine) == "inactive"


def test_passwords_can_be_switched_off(set_up: Set, provider: OpenIdProvider, engine: Engine) -> None:
    set_up(password_login="false")
    browser = Browser()
    page_text = browser.get("/login").text
    assert 'name="password"' not in page_text
    assert "Single sign-on" in page_text
    browser.post("/login", {"username": "root", "password": PASSWORD}, expect=401)
    answer = call("POST", "/api/v1/auth-rest/login", body={"username": "root", "password": PASSWORD})
    assert answer.status == 401
    assert "switched off" in answer.json["message"]
    assert is_in(sign_on(provider))
    # The way back in: the setting, and a superuser from the command line.
    set_up(password_login="true")
    users.ensure_superuser(engine, "rescue", PASSWORD)
    Browser().login("rescue")


def test_without_a_provider_there_is_no_button_and_no_address(browser: Browser) -> None:
    assert "Single sign-on" not in browser.get("/login").text
    browser.get("/single-sign-on", expect=404)
    browser.get("/single-sign-on/callback?code=a&state=b", expect=404)


def test_its_libraries_are_loaded_by_single_sign_on_alone() -> None:
    code = (
        "import sys, app, chalicelib.admin.handler, chalicelib.admin.site, chalicelib.api.dispatch, chalicelib.sending.handler\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'authlib', 'joserfc', 'cryptography'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
