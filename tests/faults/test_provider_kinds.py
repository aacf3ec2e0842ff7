"""What each kind of provider can do to a mailing, over real sockets: its own answers, its own rule for an id that it knows."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.providers import KINDS
from tests.faults.balance import Balance, balance
from tests.faults.rig import Rig, ids_of, statuses
from tests.providers import ACCOUNTS, AWS

FACES = [
    pytest.param(kind, KINDS[kind].honours_key, id=f"{'key-honoured' if KINDS[kind].honours_key else 'key-ignored'}-{kind}")
    for kind in KINDS
    if kind not in ("contract", "http")  # the contract's cases are all the others; http speaks the API that its options describe
]


def settled(rig: Rig, mailing_id: int, process: Any) -> Balance:
    """The balance of a finished mailing. Twilio's requests carry no id, so that its ledger counts by phone."""
    rig.finish(mailing_id, process=process)
    ids = {int(phone): id_ for id_, phone in rig.rows("id, phone", mailing_id)}
    ledger = [replace(call, id=ids.get(call.id, call.id)) for call in rig.ledger()]
    found = balance(rig.world.engine, ledger, [mailing_id], honours_key=rig.honours_key)
    assert not found.wrong, "\n".join(found.wrong[:20])
    return found


@pytest.mark.parametrize(("kind", "honours_key"), FACES, indirect=["honours_key"])
def test_no_message_twice_and_none_lost(rig: Rig, kind: str, honours_key: bool) -> None:
    process = rig.process(PROVIDER_KIND=kind, **AWS, **{name.upper(): value for name, value in ACCOUNTS[kind].items()})
    mailing_id, chunks = rig.dispatched(10)
    phones = {id_: int(phone) for id_, phone in rig.rows("id, phone", mailing_id)}
    refused, throttled, failed, lost, reset, *_ = [phones[id_] if kind == "twilio" else id_ for id_ in ids_of(chunks)]

    rig.provider.configure(token="another")  # ours has expired
    for chunk in chunks:
        assert rig.send([chunk], process) == []
    assert rig.rows("status, attempts, unknown", mailing_id) == [(1, 0, False)] * 10, "our own fault burns nothing"
    [(opened,)] = rig.world.sql("SELECT opened_at FROM provider_state")
    assert opened is not None, "the first chunk opened the breaker"

    once = {"first_calls": 1}
    rig.provider.configure(
        token=None,
        faults=[
            {"kind": "status", "status": 400, "ids": [refused]},
            {"kind": "status", "status": 429, "ids": [throttled], **once},
            {"kind": "status", "status": 500, "ids": [failed], **once},
            {"kind": "half", "accepted": True, "ids": [lost], **once},
            {"kind": "reset", "accepted": True, "ids": [reset], **once},
        ],
    )
    found = settled(rig, mailing_id, process)
    assert found.delivered_twice == 0
    if honours_key:
        assert statuses(found) == {"sent": 9, "failed": 1}, "a duplicate's refusal proves that the first call was accepted"
        assert (found.deliveries, found.parked) == (9, 0)
    else:
        assert statuses(found) == {"sent": 6, "failed": 4}
        assert (found.deliveries, found.parked, found.delivered_unknown) == (8, 3, 2), "not sent again, and said to be unknown"
    rows = dict(rig.world.sql("SELECT id, error_code FROM message WHERE status = 4"))
    assert rows[ids_of(chunks)[0]] == "refused"
