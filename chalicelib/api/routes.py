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

ROUTES: Final = (
    Route("/health", {"GET": "service:health"}, public=_ALL),
    Route("/add-users", {"POST": "users:add_test_clients"}),
    Route(f"{V1}/auth-rest/login", {"POST": "logins:login"}, public=_ALL),
    Route(f"{V1}/client", {"GET": "clients:page", "POST": "clients:create"}),
    Route(f"{V1}/client/{{id}}", {"GET": "clients:get"}),
    Route(f"{V1}/mailing", {"GET": "mailings:page", "POST": "mailings:create"}),
    Route(f"{V1}/mailing/{{id}}", {"GET": "mailings:get"}),
    Route(f"{V1}/statistic-messages", {"GET": "statistics:all_statuses"}),
    Route(f"{V1}/statistic-messages/{{status}}", {"GET": "statistics:one_status"}),
    Route(f"{V1}/messages-in-mailing/{{id}}", {"GET": "statistics:one_mailing"}),
)
