"""SQS and Scheduler in memory for many workers at once: messages have a moment, and may come twice, late, out of order or never."""

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from threading import RLock
from typing import Any

from chalicelib import aws
from tests.faults.transport import MAILINGS
from tests.world import FakeAws

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mischief:
    """How often, of all that is put into a queue (0 to 1)."""

    twice: float = 0.0
    late: float = 0.0
    lost: float = 0.0
    refused: float = 0.0
    """Of the entries of a SendMessageBatch."""


class MovingQueues(FakeAws):
    """Two queues, chunks and runs, from which `take` takes; `faults` counts what was done to whom."""

    def __init__(self, random: Random, faults: Counter[str]) -> None:
        super().__init__()
        self.mischief = Mischief()
        self._random = random
        self._faults = faults
        self._lock = RLock()
        self._order = itertools.count()
        self._waiting: dict[str, list[tuple[float, int, Body]]] = {"chunks": [], "runs": []}

    def send(self, _queue_url: str, body: Body, *, delay_seconds: int = 0) -> None:
        self._check()
        self._put("runs", body, delay_seconds)

    def send_many(self, queue_url: str, bodies: Sequence[Body], group: str) -> list[int]:
        del group
        with self._lock:
            refused = [place for place in range(len(bodies)) if self.down or self._random.random() < self.mischief.refused]
            self._faults["SendMessageBatch refused an entry"] += len(refused)
            for place, body in enumerate(bodies):
                if place not in refused:
                    self._put("runs" if queue_url == MAILINGS else "chunks", body)
        return refused

    def create_schedule(self, target: aws.ScheduleTarget, mailing_id: int, moment: Any, body: Body) -> bool:
        with self._lock:
            return super().create_schedule(target, mailing_id, moment, dict(body))

    def give_back(self, queue: str, bodies: Sequence[Body], delay: float) -> None:
        """What SQS does with messages that nobody acknowledged."""
        with self._lock:
            for body in bodies:
                heapq.heappush(self._waiting[queue], (time.monotonic() + delay, next(self._order), body))

    def take(self, queue: str, most: int) -> list[Body]:
        """Up to `most` messages whose moment has come; they are in the taker's hands alone."""
        with self._lock:
            if queue == "runs":
                self._fire_schedules()
            found: list[Body] = []
            waiting, now = self._waiting[queue], time.monotonic()
            while waiting and waiting[0][0] <= now and len(found) < most:
                found.append(heapq.heappop(waiting)[2])
        return found

    def _put(self, queue: str, body: Body, delay: float = 0) -> None:
        with self._lock:
            if self._happens("lost", queue):
                return
            if self._happens("late", queue):
                delay += self._random.uniform(0, 3)
            self.give_back(queue, [body], delay)
            if self._happens("twice", queue):
                self.give_back(queue, [body], delay + self._random.uniform(0, 3))

    def _happens(self, what: str, queue: str) -> bool:
        happens = bool(self._random.random() < getattr(self.mischief, what))
        self._faults[f"SQS: {queue} {what}"] += happens
        return happens

    def _fire_schedules(self) -> None:
        due = [name for name in self.schedules if int(name.rsplit("-", 1)[1]) <= time.time()]
        for name in due:
            self._put("runs", self.schedules.pop(name))
