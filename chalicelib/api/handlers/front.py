"""The front page: what this is, and where to go from here."""

from chalicelib.api import html
from chalicelib.api.operations import Call, NoBody, NoQuery, Reply, Schema, operation
from chalicelib.api.visitors import visitor_of, wants_page
from chalicelib.domain.access import Principal

_ABOUT = "Mailings to many clients, each message in the client's own local time."


class FrontPage(Schema):
    """The service, for programs."""

    name: str
    description: str
    links: dict[str, str]


@operation("The front page", tag="service")
def page(call: Call[NoBody, NoQuery]) -> FrontPage | Reply:
    """A page for browsers (`Accept: text/html`), links for programs."""
    if wants_page(call):
        visitor = visitor_of(call)
        links = _cards(visitor.principal, test_clients=call.settings.test_clients_enabled)
        return html.page(call, visitor, "front.html", "mailing-api", links=links)
    paths = {
        "admin": "/admin/",
        "api": "/api/v1/",
        "documentation": "/docs",
        "openapi": "/openapi.json",
        "login": "/api/v1/auth-rest/login",
        "logout": "/api/v1/auth-rest/logout",
        "health": "/health",
    }
    if call.settings.test_clients_enabled:
        paths |= {"add_test_clients": "/add-users", "delete_all_clients": "/del-users"}
    return FrontPage(
        name="mailing-api", description=_ABOUT, links={name: f"{call.base_url}{path}" for name, path in paths.items()}
    )


def _cards(principal: Principal | None, *, test_clients: bool) -> list[tuple[str, str, str]]:
    """Path, name and a few words of each link."""
    found = [
        ("/admin/", "Admin panel", "Clients, mailings, messages and statistics"),
        ("/docs", "Documentation", "The API, described and to be tried out"),
        ("/api/v1/", "API", "All routes, as links"),
        ("/health", "Health", "Is the service alive, and its database?"),
    ]
    if principal is not None:
        found.append(("/admin/account", "My account", "Password, sessions and API tokens"))
    if principal is not None and principal.is_superuser and test_clients:
        found.append(("/add-users", "Test clients", "Add test clients or delete all clients"))
    return found
