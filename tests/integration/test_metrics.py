"""Metrics are in the log lines, in CloudWatch's embedded format."""

import io
import json
import logging
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib import observability
from chalicelib.config import Settings
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.scheduling import handler as scheduling_handler
from chalicelib.sending import handler as sending_handler
from tests.world import ACCEPTED, START, World


class Lines:
    """What was logged."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    def of(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self._stream.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]

    def metrics(self, event: str) -> dict[str, Any]:
        """Of the last line of that event: name and value of what CloudWatch is told to read."""
        line = self.of(event)[-1]
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert (directive["Namespace"], directive["Dimensions"]) == ("mailing-api", [["Stage"]])
        moment = datetime.fromisoformat(line["time"]).timestamp()
        assert abs(line["_aws"]["Timestamp"] - 1000 * moment) < 1000
        assert all(metric["Unit"] == observability.UNITS[metric["Name"]] for metric in directive["Metrics"])
        assert "Stage" in line
        return {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    observability.log("the handler is made at the first line")
    stream = io.StringIO()
    monkeypatch.setattr(logging.getLogger("mailing-api.events").handlers[0], "stream", stream)
    return Lines(stream)


def test_a_chunk_tells_what_became_of_its_messages(world: World, lines: Lines) -> None:
    world.add_clients(5)
    mailing = world.write()
    world.run(mailing.id)
    first = min(id_ for chunk in world.aws.chunks for id_ in chunk["message_ids"])
    answers = {
        first: Outcome(OutcomeKind.REFUSED, "HTTP 400"),
        first + 1: Outcome(OutcomeKind.UNKNOWN, "HTTP 500"),
        first + 2: Outcome(OutcomeKind.NOT_DELIVERED, "HTTP 503", 7.0),
    }
    world.provider.answer = lambda message_id: answers.get(message_id, ACCEPTED)
    world.work()

    found = lines.metrics("chunk")
    latencies = found.pop("ProviderLatency")
    assert found == {"Sent": 2, "Failed": 2, "Unknown": 1, "Deferred": 1}
    assert len(latencies) == 5
    assert lines.of("chunk")[-1]["mailing_id"] == mailing.id


def test_what_its_end_cut_off_is_counted(world: World, lines: Lines) -> None:
    world.add_clients(4)
    mailing = world.write()
    world.run(mailing.id)
    world.aws.chunks.clear()
    world.clock.advance(days=30)
    world.finish(mailing.id)
    assert sum(line.get("Expired", 0) for line in lines.of("run")) == 4


def test_reconcile_tells_of_repairs_breaker_and_lag(world: World, lines: Lines) -> None:
    world.add_clients(1)
    world.write(starts_at=START + timedelta(hours=1))
    world.reconcile()
    assert lines.metrics("reconcile") == {"Repaired": 0, "ItemsFailed": 0, "BreakerOpen": 0, "ScheduleLag": 0.0}

    world.clock.advance(hours=1, minutes=5)
    world.sql("INSERT INTO provider_state (name, failures, opened_at, probe_at) VALUES ('default', 20, now(), now())")
    world.reconcile()
    assert lines.metrics("reconcile") == {"Repaired": 1, "ItemsFailed": 0, "BreakerOpen": 1, "ScheduleLag": 300.0}


@pytest.mark.parametrize(
    ("queue", "receives", "logged"),
    [("messages", ["1", "4", "2"], 4), ("mailings", ["1", "20"], 20), ("messages", ["1", "1"], None), ("mailings", [None], None)],
)
def test_messages_that_were_received_before_are_counted_before_the_work(
    settings: Settings, lines: Lines, monkeypatch: pytest.MonkeyPatch, queue: str, receives: list[str | None], logged: int | None
) -> None:
    """A function that is killed at its work (timeout, memory) has said so already."""
    del settings
    module, entry = {"messages": (sending_handler, "send"), "mailings": (scheduling_handler, "advance")}[queue]
    work = "_send_one" if queue == "messages" else "_advance_one"

    def killed(*_: object) -> bool:
        raise MemoryError

    monkeypatch.setattr(module, work, killed)
    records = [
        {"messageId": str(number), "body": "{}"} | ({"attributes": {"ApproximateReceiveCount": count}} if count else {})
        for number, count in enumerate(receives)
    ]
    with pytest.raises(MemoryError):
        getattr(module, entry)({"Records": records}, None)
    if logged is None:
        assert lines.of("received_again") == []
    else:
        assert lines.metrics("received_again") == {"Receives": logged}
        assert lines.of("received_again")[0]["queue"] == queue


def test_a_line_without_metrics_is_only_a_line(lines: Lines) -> None:
    observability.log("something", mailing_id=7)
    assert lines.of("something")[0].keys() == {"time", "level", "event", "mailing_id"}
