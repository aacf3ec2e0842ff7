"""Wiring only: what AWS calls, and which module answers.

Every trigger has its function here, because Chalice packages only event handlers that app.py itself defines. The modules
behind them are imported at the first call, so that a worker never loads the API and the API never loads the worker.
"""

from typing import Any

from chalice import AuthResponse
from chalice.app import AuthRequest, CloudWatchEvent, SQSEvent

from chalicelib.api import GuardedChalice, register_routes

app = GuardedChalice(app_name="mailing-api")


@app.authorizer(ttl_seconds=60)
def authorize(request: AuthRequest) -> AuthResponse:
    """A filter in front of the API; the API itself reads token and user again on each request."""
    from chalicelib.auth.authorizer import answer

    return answer(request)


register_routes(app, authorize)


# The names of the queues stand only for Chalice's generator: template.yaml puts the queues' ARNs over them.
@app.on_sqs_message(queue="mailings", batch_size=1)
def advance_mailing(event: SQSEvent) -> dict[str, Any]:
    """One run of the mailing that the SQS message names: plan, dispatch, chain."""
    from chalicelib.scheduling.handler import advance

    return advance(event.to_dict(), event.context)


@app.on_sqs_message(queue="messages", batch_size=10)
def send_messages(event: SQSEvent) -> dict[str, Any]:
    """Chunks of message ids: claim, send, record."""
    from chalicelib.sending.handler import send

    return send(event.to_dict(), event.context)


@app.schedule("rate(1 minute)")
def reconcile(event: CloudWatchEvent) -> dict[str, Any]:
    """Finds what got lost and wakes it."""
    from chalicelib.scheduling.handler import reconcile_all

    return reconcile_all(event.context)


@app.lambda_function()
def admin(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The admin panel, at `/admin` of the same API; only here is it ever loaded."""
    from chalicelib.admin.handler import handle

    return handle(event, context)


@app.lambda_function()
def manage(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Migrations and superusers, from inside the network of the database."""
    from chalicelib.manage import handle

    return handle(event)
