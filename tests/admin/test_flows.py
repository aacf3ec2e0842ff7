"""How many files one has to read to follow a request, an edit, a message: `pytest -s tests/admin/test_flows.py` prints them.

The numbers may go down, not up: a file more on one of these ways is a reason to fold two that are always read together.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from chalice.test import Client as ChaliceClient
from sqlalchemy import Engine

from app import app
from chalicelib.sending import handler as sending
from tests.admin.browser import Browser
from tests.admin.test_fields import form_of, post_form
from tests.admin.test_pages import fill
from tests.api.conftest import MAILING, Api
from tests.flows import files_passed, require_at_most
from tests.world import World


def test_post_mailing(root: Browser, engine: Engine) -> None:
    del root
    api = Api(ChaliceClient(app, stage_name="tests")).as_user(engine, 1)
    api.post("/api/v1/mailing", MAILING)
    with files_passed() as passed:
        api.post("/api/v1/mailing", MAILING)
    require_at_most(42, "POST /mailing", passed)
    assert {"chalicelib/api/dispatch.py", "chalicelib/services/mailings.py", "chalicelib/storage/mailings.py"} <= set(passed)


def test_an_edit_in_the_admin_panel(root: Browser, engine: Engine) -> None:
    fill(engine, "root")
    for name in ("first", "second"):
        form = [(field, name if field == "name" else value) for field, value in form_of(root, "/mailing/edit?pk=1")]
        root.csrf  # noqa: B018 - its request is not part of the flow
        with files_passed() as passed:
            post_form(root, "/mailing/edit?pk=1", [*form, ("confirmed", "on")])
    require_at_most(41, "an edit of a mailing in the admin panel", passed)
    assert {"chalicelib/admin/views/mailings.py", "chalicelib/services/mailings.py"} <= set(passed)


def test_a_chunk_of_messages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add_clients(2)
    mailing_id = world.write().id
    world.run(mailing_id)
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 90_000)
    monkeypatch.setattr(sending, "_tools", lambda: world.worker_tools)
    for chunk in [{**world.aws.chunks[0], "message_ids": [id_]} for id_ in world.aws.chunks[0]["message_ids"]]:
        world.pool = ThreadPoolExecutor(1)  # its threads begin under the profile
        event = {"Records": [{"messageId": "1", "body": json.dumps(chunk)}]}
        with files_passed() as passed:
            answer = sending.send(event, context)
        world.pool.shutdown()
        assert answer == {"batchItemFailures": []}
    require_at_most(15, "a chunk of messages, less the provider's two files", passed)
    assert {"chalicelib/sending/worker.py", "chalicelib/storage/messages.py", "chalicelib/domain/outcome.py"} <= set(passed)
    assert len(world.provider.calls) == 2
