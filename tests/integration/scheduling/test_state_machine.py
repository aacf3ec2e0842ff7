"""Random lives of a mailing: edits, runs, reconciles, faults of the queue, in any order; then the promises are checked."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import Phase
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from chalicelib import aws
from chalicelib.domain.errors import ConflictError, InvalidInputError
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.domain.status import MailingStatus
from chalicelib.providers import Outgoing
from chalicelib.services import clients, mailings, messages
from tests.world import START, Ledger, OwnClock, World

ZONES = st.sampled_from(["UTC", "Asia/Tokyo", "Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu"])
ANSWERS = [OutcomeKind.ACCEPTED] * 6 + [OutcomeKind.REFUSED, OutcomeKind.NOT_DELIVERED, OutcomeKind.UNKNOWN]


class MailingLife(RuleBasedStateMachine):
    """One owner, one mailing, and everything that may happen to them."""

    world: World

    @initialize(
        zones=st.lists(ZONES, min_size=3, max_size=9), own_time=st.booleans(), honours_key=st.booleans(), seed=st.integers(0, 999)
    )
    def begin(self, zones: list[str], own_time: bool, honours_key: bool, seed: int) -> None:
        world = self.world
        world.sql("TRUNCATE client, mailing, message, provider_state, history RESTART IDENTITY CASCADE")
        world.clock, world.provider = OwnClock(), Ledger(self._answer)
        world.aws.runs, world.aws.chunks, world.aws.schedules = [], [], {}
        self.settings = world.settings
        world.settings = self.settings.model_copy(
            update={
                "provider_honours_key": honours_key,
                "chunk_size": 2,
                "max_dispatched": 5,
                "dispatch_batch": 4,
                "plan_slice": 3,
            }
        )
        self.random, self.number, self.delivered = Random(seed), 0, Counter[str]()
        self.seen: list[dict[str, Any]] = []
        self.late: set[str] = set()  # clients who came when the mailing was over: no run looks at them any more
        for zone in zones:
            self.add_client(zone)
        self.mailing_id = world.write(
            time_zone=None if own_time else "UTC", starts_at=START, ends_at=START + timedelta(hours=14)
        ).id
        self.turn(2)

    def _answer(self, message_id: int) -> Outcome:
        """The provider's side of the promises: who is called, and when."""
        record = self.world.mailing(self.mailing_id)
        assert record.status == MailingStatus.RUNNING, "nothing goes out after pause, cancel or the end"
        [(phone, expires_at)] = self.world.sql(
            "SELECT m.phone, z.expires_at FROM message m JOIN mailing_zone z USING (mailing_id, time_zone) WHERE m.id = :id",
            id=message_id,
        )
        assert self.world.clock.now < expires_at, "nothing goes out after the end"
        kind = self.random.choice(ANSWERS)
        first = phone not in self.delivered
        delivers = kind is OutcomeKind.ACCEPTED or (kind is OutcomeKind.UNKNOWN and self.random.random() < 0.5)
        if delivers and (first or not self.world.settings.provider_honours_key):
            self.delivered[phone] += 1
        if not first and self.world.settings.provider_honours_key:
            kind = OutcomeKind.ACCEPTED  # the same key again: answered as the first time
        return Outcome(kind, "made up")

    # What people do.

    @rule(zone=ZONES)
    def add_client(self, zone: str) -> None:
        self.number += 1
        self.world.add_clients(1, first=self.number, zone=zone)
        if self._over():
            self.late.add(f"+7910{self.number:07}")

    def _over(self) -> bool:
        return bool(self.world.sql("SELECT 1 FROM mailing WHERE status IN ('finished', 'cancelled')"))

    @rule(zone=ZONES)
    def move_a_client(self, zone: str) -> None:
        self.world.sql("UPDATE client SET time_zone = :zone WHERE id = (SELECT max(id) FROM client)", zone=zone)

    @rule()
    def delete_a_client_and_import_it_again(self) -> None:
        found = self.world.sql("SELECT id, phone, time_zone FROM client ORDER BY id LIMIT 1")
        for client_id, phone, zone in found:
            clients.delete(self.world.engine, self.world.owner, client_id)
            clients.create(self.world.engine, self.world.owner, clients.NewClient(phone, zone))
            if self._over():
                self.late.add(phone)

    @rule(verb=st.sampled_from([mailings.pause, mailings.resume, mailings.start, mailings.resume, mailings.retry_failed]))
    def use_a_verb(self, verb: Any) -> None:
        with suppress(ConflictError, InvalidInputError):
            verb(self.world.engine, self.world.owner, self.mailing_id, clock=self.world.clock)

    @precondition(lambda self: self.number > 8)
    @rule()
    def cancel(self) -> None:
        self.use_a_verb(mailings.cancel)

    @rule(hours=st.integers(1, 40))
    def move_the_end(self, hours: int) -> None:
        with suppress(ConflictError, InvalidInputError):
            changes = {"ends_at": START + timedelta(hours=hours)}
            mailings.edit(self.world.engine, self.world.owner, self.mailing_id, changes, clock=self.world.clock)

    @rule()
    def add_by_hand(self) -> None:
        newest = self.world.sql("SELECT max(id) FROM client")[0][0]
        with suppress(ConflictError, InvalidInputError):
            messages.add(self.world.engine, self.world.owner, self.mailing_id, newest, clock=self.world.clock)

    # What time and AWS do.

    @rule(seconds=st.sampled_from([1, 5, 31, 600, 3600, 4 * 3600]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds=seconds)

    @rule(chunks=st.integers(0, 2))
    def turn(self, chunks: int) -> None:
        """What mostly happens: the next run's moment comes, and a worker or two."""
        moment = self.world.mailing(self.mailing_id).next_run_at
        if moment is not None and moment < self.world.clock.now + timedelta(hours=1):
            self.world.clock.now = max(self.world.clock.now, moment)
        self.world.run(self.mailing_id)
        for _ in range(chunks):
            self.work(twice=False)

    @rule(twice=st.booleans())
    def work(self, twice: bool) -> None:
        chunks = self.world.aws.chunks
        if chunks:
            chunk = chunks.pop(self.random.randrange(len(chunks)))
            self.seen.append(chunk)
            self.world.work([chunk, chunk] if twice else [chunk])

    @rule()
    def work_on_an_old_chunk_again(self) -> None:
        if self.seen:
            self.world.work([self.random.choice(self.seen)])

    @rule()
    def a_chunk_is_lost(self) -> None:
        if self.world.aws.chunks:
            self.world.aws.chunks.pop()

    @rule(called=st.booleans())
    def a_worker_dies_with_its_claims(self, called: bool) -> None:
        if self.world.aws.chunks:
            claimed = self.world.die_after_claim(self.world.aws.chunks.pop())
            for claim in claimed.claims if called else ():
                self.world.provider.send(Outgoing(claim.id, claim.phone, claimed.text))

    @rule(refused=st.sampled_from([0, 0, 1]))
    def sqs_refuses_or_takes_chunks_again(self, refused: int) -> None:
        self.world.aws.refuse = lambda position: position < refused

    @rule()
    def aws_goes_away_for_a_moment(self) -> None:
        self.world.aws.down = True
        self.turn(0)
        self.use_a_verb(mailings.pause)
        self.world.aws.down = False

    @rule()
    def reconcile(self) -> None:
        self.world.reconcile()
        record = self.world.mailing(self.mailing_id)
        soon = self.world.clock.now + timedelta(seconds=self.world.settings.soon_seconds)
        if record.next_run_at is not None and record.next_run_at > soon:
            assert list(self.world.aws.schedules) == [aws.schedule_name(self.mailing_id, record.next_run_at)]

    @invariant()
    def nobody_is_sent_to_twice(self) -> None:
        twice = {phone: times for phone, times in self.delivered.items() if times > 1}
        assert not twice

    def teardown(self) -> None:
        """However it went: with AWS back and time passing, everybody ends in one final status."""
        if not hasattr(self, "mailing_id"):
            return
        world, self.world.aws.refuse = self.world, lambda _position: False
        for _ in range(300):
            record = world.mailing(self.mailing_id)
            if record.next_run_at is None and record.status in ("finished", "cancelled"):
                break
            if record.status == "paused":
                mailings.resume(world.engine, world.owner, self.mailing_id, clock=world.clock)
            world.clock.now = max(world.clock.now + timedelta(seconds=1), record.next_run_at or world.clock.now)
            world.clock.advance(seconds=40)
            world.reconcile()
            world.run(self.mailing_id)
            world.work()
        world.settings = self.settings
        record = world.mailing(self.mailing_id)
        assert record.status in ("finished", "cancelled"), record
        assert record.counts["waiting"] == 0
        self.nobody_is_sent_to_twice()
        self._balance(record.status)

    def _balance(self, status: str) -> None:
        rows = self.world.sql("SELECT phone, status, error_code FROM message WHERE mailing_id = :id", id=self.mailing_id)
        fates = {row.phone: row for row in rows}
        assert len(fates) == len(rows), "one row a phone"
        for phone in self.delivered:
            assert fates[phone].status == 2 or fates[phone].error_code == "unknown_outcome", fates[phone]
        for phone, row in fates.items():
            assert row.status != 2 or phone in self.delivered, "what is called sent was delivered"
        if status == "finished":
            everyone = {row.phone for row in self.world.sql("SELECT phone FROM client")}
            assert everyone - fates.keys() <= self.late, "nobody is lost silently"


def test_whatever_happens_the_promises_hold(world: World) -> None:
    MailingLife.world = world  # hypothesis makes the machine itself
    # Lives are not shrunk: a failing one is printed as it was, for shrinking one takes minutes.
    seeded = profile(max_examples=50, stateful_step_count=25, phases=[Phase.generate], deadline=None, derandomize=True)
    run_state_machine_as_test(MailingLife, settings=seeded)
