"""The Lambda functions by name, and what each imports when it is first called (app.py imports nothing before)."""

FIRST_IMPORTS = {
    "api_handler": ("chalicelib.api.dispatch",),
    "authorize": ("chalicelib.auth.authorizer",),
    "advance_mailing": ("chalicelib.scheduling.handler",),
    "send_messages": ("chalicelib.sending.handler",),
    "reconcile": ("chalicelib.scheduling.handler",),
    "admin": ("chalicelib.admin.handler",),
    "manage": ("chalicelib.manage",),
}
DRIVER = "pg8000"
"""SQLAlchemy imports it with the first connection."""

_DATABASE = {"sqlalchemy", "pg8000", "scramp", "asn1crypto"}
_SETTINGS = {"pydantic", "pydantic_core"}
_AWS = {"boto3", "botocore", "urllib3", "jmespath", "dateutil"}
_PROVIDER = {"requests", "urllib3", "h11"}
_PANEL = {"starlette", "starlette_admin", "mangum", "jinja2", "babel"}
_PASSWORDS = {"argon2"}
_SINGLE_SIGN_ON = {"authlib", "joserfc", "cryptography"}  # loaded by its pages alone, when they are asked for
HEAVY = (
    _DATABASE
    | _SETTINGS
    | _AWS
    | _PROVIDER
    | _PANEL
    | _PASSWORDS
    | _SINGLE_SIGN_ON
    | {"alembic", "mako", "phonenumbers", "cffi", "anyio"}
)
"""Packages that cost a cold start something."""
LOADS = {
    "api_handler": _DATABASE | _SETTINGS,
    "authorize": _DATABASE | _SETTINGS,
    "advance_mailing": _DATABASE | _SETTINGS | _AWS,
    "send_messages": _DATABASE | _SETTINGS | _AWS | _PROVIDER,
    "reconcile": _DATABASE | _SETTINGS | _AWS,
    # with mailings' providers, and phones' countries
    "admin": _DATABASE | _SETTINGS | _AWS | _PROVIDER | _PANEL | _PASSWORDS | {"phonenumbers", "anyio"},
    "manage": _DATABASE | _SETTINGS | _PASSWORDS | _PROVIDER,  # makes the first accounts of providers from the settings
}
"""What each function has loaded before its first answer: no more of the heavy packages than it works with."""
