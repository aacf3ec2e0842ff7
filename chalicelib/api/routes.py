"""Where each operation answers: path, method, and the handler's place. What it takes and gives stands at the handler."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

V1 = "/api/v1"


@dataclass(frozen=True)
class Route:
    """One path. `handlers` says for each method which function of `chalicelib.api.handlers` answers (`clients:create`)."""

    path: str
    handlers: Mapping[str, str]
    public: frozenset[str] = field(default=frozenset())
    """Methods that need no token."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Every method that this path has: HEAD wherever GET is, OPTIONS everywhere."""
        head = ("HEAD",) if "GET" in self.handlers else ()
        return (*self.handlers, *head, "OPTIONS")

    def is_public(self, method: str) -> bool:
        """Does this method need no token?"""
        return ("GET" if method == "HEAD" else method) in self.public

    def handler(self, method: str) -> str | None:
        """The place of the function that answers the method; HEAD is a GET whose body is dropped."""
        return self.handlers.get("GET" if method == "HEAD" else method)


_ALL = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_POST_ONLY = ("start", "pause", "resume", "cancel", "test", "retry-failed")


def _one(kind: str, module: str, *, history: str | None = None) -> tuple[Route, ...]:
    """A list, one of its things, and the thing's history."""
    whole = {"GET": f"{module}:get", "PUT": f"{module}:replace", "PATCH": f"{module}:change", "DELETE": f"{module}:delete"}
    found = (
        Route(f"{V1}/{kind}", {"GET": f"{module}:page", "POST": f"{module}:create"}),
        Route(f"{V1}/{kind}/{{id}}", whole),
    )
    return (*found, Route(f"{V1}/{kind}/{{id}}/history", {"GET": f"histories:{history}"})) if history else found


ROUTES: Final = (
    Route("/", {"GET": "front:page"}, public=_ALL),
    Route("/health", {"GET": "service:health"}, public=_ALL),
    Route("/openapi.json", {"GET": "docs:document"}, public=_ALL),
    Route("/docs", {"GET": "docs:page"}, public=_ALL),
    Route("/docs/token", {"POST": "docs:token"}, public=_ALL),
    Route("/docs/{file}", {"GET": "docs:asset"}, public=_ALL),
    Route("/add-users", {"GET": "test_clients:add_button", "POST": "test_clients:add"}, public=frozenset({"GET"})),
    Route("/del-users", {"GET": "test_clients:delete_button", "POST": "test_clients:delete_all"}, public=frozenset({"GET"})),
    Route(V1, {"GET": "service:routes"}, public=_ALL),
    Route(f"{V1}/auth-rest/login", {"GET": "logins:login_page", "POST": "logins:login"}, public=_ALL),
    Route(f"{V1}/auth-rest/logout", {"GET": "logins:logout_page", "POST": "logins:logout"}, public=_ALL),
    Route(f"{V1}/token", {"GET": "tokens:page", "POST": "tokens:create"}),
    Route(f"{V1}/token/{{id}}", {"DELETE": "tokens:revoke"}),
    *_one("client", "clients", history="client"),
    Route(f"{V1}/client/import", {"POST": "clients:import_file"}),
    Route(f"{V1}/client/by-phone/{{phone}}", {"PUT": "clients:put_by_phone"}),
    *_one("mailing", "mailings", history="mailing"),
    *(Route(f"{V1}/mailing/{{id}}/{verb}", {"POST": f"mailings:{verb.replace('-', '_')}"}) for verb in _POST_ONLY),
    Route(f"{V1}/mailing/{{id}}/preview", {"GET": "mailings:preview"}),
    Route(f"{V1}/mailing/{{id}}/resolve", {"POST": "mailings:resolve"}),
    *_one("message", "messages", history="message"),
    Route(f"{V1}/message/{{id}}/resolve", {"POST": "messages:resolve"}),
    Route(f"{V1}/do-not-contact", {"GET": "do_not_contact:page", "POST": "do_not_contact:put"}),
    Route(f"{V1}/do-not-contact/{{id}}", {"GET": "do_not_contact:get", "DELETE": "do_not_contact:remove"}),
    Route(f"{V1}/provider", {"GET": "providers:page", "POST": "providers:create"}),
    Route(f"{V1}/provider/{{id}}", {"GET": "providers:get", "PATCH": "providers:change", "DELETE": "providers:delete"}),
    Route(f"{V1}/provider/{{id}}/history", {"GET": "histories:provider"}),
    Route(f"{V1}/user", {"GET": "users:page", "POST": "users:create"}),
    Route(f"{V1}/user/me", {"GET": "users:me"}),
    Route(f"{V1}/user/me/password", {"POST": "users:change_own_password"}),
    Route(f"{V1}/user/{{id}}", {"GET": "users:get", "PATCH": "users:change", "DELETE": "users:delete"}),
    Route(f"{V1}/user/{{id}}/deactivate", {"POST": "users:deactivate"}),
    Route(f"{V1}/user/{{id}}/revoke-tokens", {"POST": "users:revoke_tokens"}),
    Route(f"{V1}/person/export", {"POST": "persons:export"}),
    Route(f"{V1}/person/erase", {"POST": "persons:erase"}),
    Route(f"{V1}/user/{{id}}/history", {"GET": "histories:user"}),
    Route(f"{V1}/statistic-messages", {"GET": "statistics:all_statuses"}),
    Route(f"{V1}/statistic-messages/{{status}}", {"GET": "statistics:one_status"}),
    Route(f"{V1}/messages-in-mailing/{{id}}", {"GET": "statistics:one_mailing"}),
)


def has_location(route: Route) -> bool:
    """Can what this route makes be read by its id?"""
    return any(other.path == f"{route.path}/{{id}}" and "GET" in other.handlers for other in ROUTES)
