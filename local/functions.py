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
