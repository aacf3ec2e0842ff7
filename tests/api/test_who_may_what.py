"""Every route, asked by every kind of caller. A route that is added is in here by itself."""

import re
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, text

from chalicelib.api.routes import ROUTES, Route
from tests.api.conftest import MAILING, PHONE, Api, make_user
from tests.api.lambda_event import Answer, call

CALLS = [(route, method) for route in ROUTES for method in (*route.handlers, *(("HEAD",) if "GET" in route.handlers else ()))]
FOR_SUPERUSERS = {
    ("POST", "/add-users"),
    ("POST", "/del-users"),
    *((method, "/api/v1/provider") for method in ("GET", "HEAD", "POST")),
    *((method, "/api/v1/provider/{id}") for method in ("GET", "HEAD", "PATCH", "DELETE")),
    *((method, "/api/v1/provider/{id}/history") for method in ("GET", "HEAD")),
    ("GET", "/api/v1/user"),
    ("HEAD", "/api/v1/user"),
    ("POST", "/api/v1/user"),
    ("PATCH", "/api/v1/user/{id}"),
    ("DELETE", "/api/v1/user/{id}"),
    ("POST", "/api/v1/user/{id}/deactivate"),
}
NEEDS_A_SESSION = {("POST", "/docs/token")}
LAST = ("logout", "revoke-tokens", "me/password", "deactivate", "/user/{id}")


@dataclass
class Owned:
    """A user with one thing of each kind."""

    api: Api
    user: int
    client: int
    mailing: int
    message: int
    entry: int
    token: int

    def path(self, route: Route) -> str:
        """The route with this user's own id in it."""
        ids = {
            "client": self.client,
            "mailing": self.mailing,
            "messages-in-mailing": self.mailing,
            "message": self.message,
            "do-not-contact": self.entry,
            "token": self.token,
            "user": self.user,
        }
        kind = route.path.split("/{")[0].rpartition("/")[2]
        values = {"id": ids.get(kind, 1), "status": 1, "file": "swagger-ui.css", "phone": "%2B79101234599"}
        return re.sub(r"{(\w+)}", lambda found: str(values[found[1]]), route.path)

    def body(self, route: Route, method: str) -> object:
        """A body that this route takes."""
        if route.path.endswith("/test"):
            return {"phone": PHONE}
        if route.path.endswith("/message/{id}/resolve"):
            return {"delivered": True}
        if route.path.endswith("/resolve"):
            return f"message,delivered\n{self.message},true\n"
        if "/person/" in route.path:
            return {"phone": "+79103333333"}
        if route.path.endswith("/client/import"):
            return "phone,time_zone\n+79101234598,UTC\n"
        if route.path.endswith("/{phone}"):
            return {"time_zone": "UTC"}
        kind = route.path.removeprefix("/api/v1/").split("/")[0]
        client = {"phone": PHONE, "time_zone": "UTC"}
        if route.path.endswith("/me/password"):
            return {"old_password": "correct horse battery", "password": "staple of horses"}
        if method not in ("POST", "PUT", "PATCH") or route.path.count("/") > 4 or route.path.endswith("logout"):
            return None
        bodies = {
            ("client", "POST"): {**client, "phone": "+79107654321"},
            ("client", "PUT"): client,
            ("client", "PATCH"): {"tags": ["vip"]},
            ("mailing", "POST"): MAILING,
            ("mailing", "PUT"): MAILING,
            ("mailing", "PATCH"): {"name": "June"},
            ("message", "POST"): {"mailing": self.mailing, "client": self.client},
            ("message", "PUT"): {"mailing": self.mailing, "client": self.client, "status": 1},
            ("message", "PATCH"): {"status": 1},
            ("do-not-contact", "POST"): {"phone": PHONE},
            ("token", "POST"): {"name": "import"},
            ("provider", "POST"): {"name": "other", "kind": "twilio"},
            ("provider", "PATCH"): {"enabled": True},
            ("user", "POST"): {"username": "olga", "password": "correct horse battery"},
            ("user", "PATCH"): {"is_superuser": False},
            ("auth-rest", "POST"): {"username": "anna", "password": "correct horse battery"},
        }
        return bodies.get((kind, method))

    def ask(self, route: Route, method: str, token: str | None) -> Answer:
        return self.ask_at(self.path(route), route, method, token)

    def ask_at(self, path: str, route: Route, method: str, token: str | None) -> Answer:
        body = self.body(route, method)
        headers = {"content-type": "text/csv"} if isinstance(body, str) else None
        return call(method, path, token=token, body=body, headers=headers, resource=route.path)


def with_one_of_each(api: Api, engine: Engine, username: str) -> Owned:
    user = make_user(engine, username)
    own = api.as_user(engine, user)
    client = own.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})["id"]
    mailing = own.post("/api/v1/mailing", MAILING)["id"]
    message = own.post("/api/v1/message", {"mailing": mailing, "client": client})["id"]
    entry = own.post("/api/v1/do-not-contact", {"phone": "+79100000000"})["id"]
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO provider (name, kind) VALUES ('first', 'twilio') ON CONFLICT DO NOTHING"))
    return Owned(own, user, client, mailing, message, entry, own.post("/api/v1/token", {"name": "x"})["id"])


@pytest.fixture
def anna_with_things(api: Api, engine: Engine) -> Owned:
    return with_one_of_each(api, engine, "anna")


def walk(*, guarded: bool = False, with_an_id: bool = False) -> list[tuple[Route, str]]:
    """Every route with every method, what destroys things last."""
    chosen = [
        (route, method)
        for route, method in CALLS
        if not (guarded and route.is_public(method)) and not (with_an_id and "{id}" not in route.path)
    ]
    return sorted(chosen, key=lambda each: (each[0].path.endswith(LAST), each[0].path == "/del-users", _parts_first(*each)))


def _parts_first(route: Route, method: str) -> int:
    return 0 if method != "DELETE" else 1 if "/message/" in route.path else 2


def test_without_a_valid_token_nothing_is_answered(anna_with_things: Owned) -> None:
    anna = anna_with_things
    token = anna.api.post("/api/v1/token", {"name": "to be revoked"})
    assert call("DELETE", f"/api/v1/token/{token['id']}", token=anna.api.token).status == 204
    wrong = (None, "nonsense", "mlg_1_" + "A" * 43, token["token"], f"{anna.api.token}x", "mlg_99999999999999_" + "A" * 43)
    for route, method in walk(guarded=True):
        for each in wrong:
            answer = anna.ask(route, method, each)
            assert answer.status == 401, (method, route.path, each, answer)
            assert answer.headers["www-authenticate"] == "Token"
            assert answer.body == "" if method == "HEAD" else answer.json["code"] == "not_authenticated"


def test_another_users_id_and_one_that_never_was_are_answered_alike(anna_with_things: Owned, boris: Api) -> None:
    for route, method in walk(guarded=True, with_an_id=True):
        theirs = anna_with_things.ask(route, method, boris.token)
        nowhere = route.path.replace("{id}", "987654321")
        never = anna_with_things.ask_at(nowhere, route, method, boris.token)
        assert (theirs.status, theirs.body) == (never.status, never.body), (method, route.path)
        nobodys = route.path.startswith("/api/v1/provider/")
        assert theirs.status == (403 if nobodys else 404), (method, route.path)


def test_the_owner_is_answered(anna_with_things: Owned, engine: Engine) -> None:
    for route, method in walk():
        token = anna_with_things.api.as_user(engine, anna_with_things.user).token  # some of these revoke it
        answer = anna_with_things.ask(route, method, token)
        refused = (method, route.path) in FOR_SUPERUSERS | NEEDS_A_SESSION
        assert answer.status in ((403,) if refused else (200, 201, 204, 303, 409)), (method, route.path, answer)


def test_a_superuser_is_answered_about_everyones(anna_with_things: Owned, engine: Engine) -> None:
    root = make_user(engine, "root", superuser=True)
    for route, method in walk():
        answer = anna_with_things.ask(route, method, anna_with_things.api.as_user(engine, root).token)
        expected = (403,) if (method, route.path) in NEEDS_A_SESSION else (200, 201, 204, 303, 409)
        assert answer.status in expected, (method, route.path, answer)


def test_lists_hold_nothing_of_others(anna_with_things: Owned, boris: Api) -> None:
    del anna_with_things
    for path in ("client", "mailing", "message", "do-not-contact"):
        assert boris.get(f"/api/v1/{path}")["results"] == []
    assert len(boris.get("/api/v1/token")["results"]) == 1
    statistics = boris.get("/api/v1/statistic-messages")
    assert statistics["total"] == 0
    assert all(each["messages"]["results"] == [] for each in statistics["statuses"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/message", {"mailing": "anna", "client": "boris"}),
        ("/api/v1/message", {"mailing": "boris", "client": "anna"}),
        ("/api/v1/message", {"mailing": "anna", "client": "anna"}),
    ],
)
def test_nobody_writes_with_anothers_id(
    api: Api, engine: Engine, anna_with_things: Owned, path: str, body: dict[str, str]
) -> None:
    owned = {"anna": anna_with_things, "boris": with_one_of_each(api, engine, "boris")}
    sent = {kind: getattr(owned[owner], kind) for kind, owner in body.items()}
    answer = call("POST", path, token=owned["boris"].api.token, body=sent)
    assert answer.status == 404
    kind = "mailing" if body["mailing"] == "anna" else "client"
    assert answer.json["message"] == f"no such {kind}"


def test_who_is_no_longer_active_is_nobody(anna_with_things: Owned, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql('UPDATE "user" SET is_active = false')
    assert call("GET", "/api/v1/client", token=anna_with_things.api.token).status == 401
    refused = call("POST", "/api/v1/auth-rest/login", body={"username": "anna", "password": "correct horse battery"})
    assert refused.status == 401
