"""What all pages share."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette_admin.views import CustomView

from chalicelib.admin.access import principal_of


class Page(CustomView):
    """A page of ours inside the library's frame."""

    def render(self, request: Request, template: str, context: dict[str, Any] | None = None, status: int = 200) -> Response:
        """The template, with messages that wait for a page to be shown on."""
        assert self._admin is not None  # noqa: S101 - the library sets it when the page is added
        values = {"title": self.title(request), "page": self, "principal": principal_of(request), **(context or {})}
        return self._admin._template_response(request, template, values, status)
