"""The site as a whole: the library's admin, with our pages, our words and our policy."""

import base64
import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from typing import Any, ClassVar

from jinja2 import BaseLoader, ChoiceLoader, Environment, FunctionLoader, PackageLoader, PrefixLoader, TemplateNotFound
from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette_admin import route
from starlette_admin.base import BaseAdmin
from starlette_admin.export import ExportConfig
from starlette_admin.i18n import I18nConfig, TimezoneConfig, gettext
from starlette_admin.theme import ClassMap, CoreIcons, DefaultTheme, IconSet

from chalicelib.admin import redirects, translations
from chalicelib.admin.access import Access, principal_of
from chalicelib.admin.csrf import SessionCsrf
from chalicelib.admin.edge import BASE
from chalicelib.admin.fields import count_of, moment, offset
from chalicelib.admin.pages import single_sign_on
from chalicelib.admin.pages.account import AccountPage
from chalicelib.admin.pages.client_import import ImportPage
from chalicelib.admin.pages.dashboard import Dashboard
from chalicelib.admin.pages.data import DataPage
from chalicelib.admin.pages.persons import PersonsPage
from chalicelib.admin.pages.review import ReviewPage
from chalicelib.admin.pages.second_factor import SecondFactorPage
from chalicelib.admin.pages.tokens import TokensPage
from chalicelib.admin.views.audit import AuditView
from chalicelib.admin.views.clients import ClientView
from chalicelib.admin.views.do_not_contact import DoNotContactView
from chalicelib.admin.views.mailings import MailingView
from chalicelib.admin.views.messages import MessageView
from chalicelib.admin.views.providers import ProviderView
from chalicelib.admin.views.users import UserView
from chalicelib.admin.words import segment_table, segment_words
from chalicelib.auth.keyring import keyring
from chalicelib.config import settings
from chalicelib.domain.languages import LANGUAGES
from chalicelib.storage.engine import DATA_EXCEPTION, sqlstate

_Source = tuple[str, str | None, Callable[[], bool] | None]
_EXPORT_ROWS = 20_000  # what fits into the 6 MB that a function may answer
_FAVICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='7'"
    " fill='%23206bc4'/%3E%3Cpath d='M6 16 26 7l-6 18-5-7z' fill='white'/%3E%3C/svg%3E"
)


class TemplateChangedError(Exception):
    """A template of starlette-admin no longer contains what is replaced in it."""


class NonceLoader(BaseLoader):
    """Load templates, the library's too, as the content security policy wants them: a nonce for each script, no inline handlers.

    In the library's templates it also replaces words that are not translated, and adds the landmark that screen readers jump to.
    """

    REPLACED: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "list.html": {'onclick="applyColumnVisibility()"': 'data-admin="apply-columns"'},
        "_pagination.html": {'onchange="window.location = this.value"': 'data-admin="go-to-value"'},
        "layout.html": {
            'aria-label="Toggle navigation"': """aria-label="{{ _('Toggle navigation') }}\"""",
            'aria-label="Open user menu"': """aria-label="{{ _('Open user menu') }}\"""",
            'aria-label="close"': """aria-label="{{ _('Close') }}\"""",
            '<div class="page-wrapper">': '<div class="page-wrapper" role="main">',
        },
        "_sa_templates.html": {'aria-label="close"': """aria-label="{{ _('Close') }}\""""},
        "login.html": {'aria-label="close"': """aria-label="{{ _('Close') }}\""""},
    }
    """Of each template of the library: what is replaced by what. Texts of another version may differ: `__init__` refuses them."""

    def __init__(self) -> None:
        library = PackageLoader("starlette_admin", "templates")
        require_replaceable(lambda name: library.get_source(Environment(autoescape=True), name)[0], self.REPLACED)
        patched = FunctionLoader(partial(_patched, library, self.REPLACED))
        self._inner = ChoiceLoader([PackageLoader("chalicelib.admin", "templates"), patched, PrefixLoader({"@core": patched})])

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Any]:
        """Return the source of a template."""
        source, filename, fresh = self._inner.get_source(environment, template)
        return re.sub(r"<script\b", '<script nonce="{{ request.state.csp_nonce }}"', source), filename, fresh


def require_replaceable(source_of: Callable[[str], str], replaced: Mapping[str, Mapping[str, str]]) -> None:
    """Raise TemplateChangedError unless every template contains everything that is to be replaced in it."""
    missing = [f"{name}: {old}" for name, texts in replaced.items() for old in texts if old not in source_of(name)]
    if missing:
        raise TemplateChangedError(f"starlette-admin {version('starlette-admin')} no longer contains: {'; '.join(missing)}")


def _patched(library: BaseLoader, replaced: Mapping[str, Mapping[str, str]], template: str) -> _Source | None:
    try:
        source, filename, fresh = library.get_source(Environment(autoescape=True), template)
    except TemplateNotFound:
        return None
    for old, new in replaced.get(template, {}).items():
        source = source.replace(old, new)
    return source, filename, fresh


class _Icons(CoreIcons):
    def css_links(self, request: Request) -> list[str]:
        return [str(request.url_for("admin:icons").include_query_params(v=_digest(icons_css())))]


class _Classes(ClassMap):
    # A cancel button that is red stands for danger where there is none.
    classes: ClassVar[dict[str, str]] = {"form.cancel_button": "btn btn-animate-icon btn-animate-icon-rotate"}


class _Theme(DefaultTheme):
    def get_icon_set(self) -> IconSet:
        return _Icons()

    def get_class_map(self) -> ClassMap:
        return _Classes()

    def template_globals(self) -> dict[str, Any]:
        return {
            "count_of": count_of,
            "own_static": own_static,
            "principal_of": principal_of,
            "service_path": service_path,
            "shown_moment": moment,
            "zone_offset": offset,
            "settings": settings,
            "segment_table": segment_table,
            "segment_words": segment_words,
        }


class _Admin(BaseAdmin):
    def _init_csrf(self) -> None:
        assert self.secret_key is not None  # noqa: S101 - given below
        self.middlewares.append(
            Middleware(SessionCsrf, secret_key=self.secret_key, keys=keyring().derived("CSRF tokens of the admin panel"))
        )

    @route("/_api/{key}/action", methods=["POST"], name="action")
    async def handle_action(self, request: Request) -> Response:
        return _with_own_status(await super().handle_action(request))

    @route("/_api/{key}/row-action", methods=["POST"], name="row-action")
    async def handle_row_action(self, request: Request) -> Response:
        return _with_own_status(await super().handle_row_action(request))


def _with_own_status(answer: Response) -> Response:
    """An action that is not for this user is a 403, and so in the audit log: the library answers 400, as for any action that fails."""
    if answer.status_code == HTTPStatus.BAD_REQUEST and answer.body == JSONResponse({"msg": gettext("Forbidden")}).body:
        answer.status_code = HTTPStatus.FORBIDDEN
    return answer


def build_site() -> Starlette:
    """The whole site, to be served under `/admin`."""
    # The library logs what people type into the field for names.
    logging.getLogger("starlette_admin").disabled = True
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("starlette_admin."):
            logging.getLogger(name).disabled = True
    redirects.install()
    admin = _Admin(
        title="mailing-api",
        base_url=BASE,
        favicon_url=_FAVICON,
        additional_loaders=[NonceLoader()],
        static_dir=str(files("chalicelib.admin") / "static"),
        index_view=Dashboard(),
        theme=_Theme(),
        auth_provider=Access(allow_routes=["icons", "second-factor", *(each.name for each in single_sign_on.ROUTES)]),
        secret_key=_secret_key(),
        i18n_config=I18nConfig(default_locale=LANGUAGES[0], language_switcher=list(LANGUAGES)),
        timezone_config=TimezoneConfig(use_user_locale_timezone=False),  # base.html does
        export_config=ExportConfig(max_rows=_EXPORT_ROWS),
    )
    translations.install()  # after the library has added the words of its theme, which are others for some texts
    lists = (MailingView, ClientView, MessageView, DoNotContactView)
    for view in (
        *lists,
        ImportPage,
        ReviewPage,
        PersonsPage,
        ProviderView,
        UserView,
        AuditView,
        TokensPage,
        AccountPage,
        SecondFactorPage,
        DataPage,
    ):
        admin.add_view(view())
    admin.routes[:0] = single_sign_on.ROUTES
    admin.routes.insert(0, Route("/static/icons.css", _icons, name="icons"))
    app = Starlette()
    admin.mount_to(app)
    admin.app.add_exception_handler(Exception, _Failure(admin))
    admin.app.add_exception_handler(DBAPIError, _Refusal(admin))
    return app


class _Failure:
    """The page for what nobody foresaw; that it happened is logged further out."""

    def __init__(self, admin: BaseAdmin) -> None:
        self._admin = admin

    async def __call__(self, request: Request, _error: Exception) -> Response:
        return await self._admin._render_error(
            request, HTTPException(500, translations.said("Something went wrong on our side."))
        )


class _Refusal:
    """The page for a search or a form with something in it that PostgreSQL cannot even read: a NUL, a number without end."""

    def __init__(self, admin: BaseAdmin) -> None:
        self._admin = admin

    async def __call__(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, DBAPIError) or not (sqlstate(error) or "").startswith(DATA_EXCEPTION):
            raise error
        what = translations.said("There is something in this address or form that cannot be looked for or kept.")
        return await self._admin._render_error(request, HTTPException(400, what))


def _secret_key() -> str:
    """Signs the messages for the next page: the same in every instance of the function. One of before a change of keys is not shown."""
    return keyring().derived("messages for the next page")[0].hex()


@lru_cache(maxsize=1)
def icons_css() -> str:
    """The library's icons in one text file: the font inside, and of its fonts only the one that is used."""
    static = files("starlette_admin") / "static"
    css = (static / "css" / "vendor" / "fontawesome.min.css").read_text(encoding="utf-8")
    if '"Font Awesome 7 Free"' not in css or "@font-face{" not in css:
        raise TemplateChangedError(f"starlette-admin {version('starlette-admin')} has other icons: see icons_css")
    font = base64.b64encode((static / "webfonts" / "fa-solid-900.woff2").read_bytes()).decode()
    face = f'@font-face{{font-family:"Font Awesome 7 Free";font-weight:900;font-display:block;src:url(data:font/woff2;base64,{font})}}'
    return face + re.sub(r"@font-face\{[^}]*\}", "", css)


def _icons(_request: Request) -> Response:
    return Response(icons_css(), media_type="text/css")


@lru_cache(maxsize=32)
def _own_version(path: str) -> str:
    return _digest((files("chalicelib.admin") / "static" / path).read_text(encoding="utf-8"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def service_path(request: Request, path: str) -> str:
    """The address of a path of the service that is not the panel's."""
    return f"{request.scope.get('app_root_path', request.scope['root_path'])}{path}"


def own_static(request: Request, path: str) -> str:
    """The address of a static file of ours; it changes with the file."""
    return str(request.url_for("admin:static", path=path).include_query_params(v=_own_version(path)))
