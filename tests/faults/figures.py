"""What faults of the provider cost: throughput while some calls fail, calls to a dead provider, time until sending resumes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.services.mailings import NewMailing
from local.errors import LocalError
from tests.faults.balance import read_ledger
from tests.faults.storm import Site, Storm

CLIENTS = 3_000
FAILING = 0.1
LATENCY_MS = 300  # so that what is measured is the provider's time and not this machine's
DEAD_SECONDS = 60.0
_PATIENCE = 120.0
_Step = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Figures:
    """Rates are messages a second."""

    healthy: float
    failing: float
    calls_a_minute: float
    """To a dead provider, from a second after its breaker opened."""
    resumed_after: float
    """Seconds from the provider's recovery to the first delivery."""
    escaped: list[str]

    @property
    def lowered(self) -> float:
        """By which share a tenth of failing calls lowers throughput."""
        return 1 - self.failing / self.healthy

    @property
    def wrong(self) -> list[str]:
        """What is not as promised."""
        found = []
        if self.lowered > 2 * FAILING:
            found.append(f"a provider that fails {FAILING:.0%} of calls lowers throughput by {self.lowered:.0%}")
        if self.calls_a_minute > 6:
            found.append(f"a dead provider is called {self.calls_a_minute:.0f} times a minute")
        if self.resumed_after > 30:
            found.append(f"sending resumed {self.resumed_after:.0f} s after the provider's recovery")
        return found + self.escaped


def measured(site: Site, seed: int, step: _Step) -> Figures:
    """Measures on an empty site with the product's own settings; takes some two minutes."""
    with Storm(site, seed, workers=3) as storm:
        site.provider.configure(latency_ms=LATENCY_MS)
        healthy = _throughput(site, storm, step, "healthy provider")
        site.provider.configure(faults=[{"kind": "status", "status": 500, "share": FAILING}])
        failing = _throughput(site, storm, step, f"{FAILING:.0%} of calls fail")
        calls, resumed = _outage(site, storm, step)
    return Figures(healthy, failing, calls, resumed, storm.escaped)


def _throughput(site: Site, storm: Storm, step: _Step, name: str) -> float:
    """Over the first four fifths of a mailing: in the last, retries wait for their moment and workers have nothing to do."""
    begun, before = time.monotonic(), len(read_ledger(site.service.folder))
    _write(storm)
    _wait(storm.all_over)
    delivered = [call.at for call in read_ledger(site.service.folder)[before:] if call.delivered]
    most = delivered[: CLIENTS * 4 // 5]
    step(name, time.monotonic() - begun)
    return len(most) / (most[-1] - most[0])


def _outage(site: Site, storm: Storm, step: _Step) -> tuple[float, float]:
    """Calls a minute to a provider that refuses all in mid-mailing, and seconds from its recovery to the next delivery."""
    begun, before = time.monotonic(), _deliveries(site)
    site.provider.configure(faults=[])
    _write(storm)
    _wait(lambda: _deliveries(site) - before > CLIENTS // 4)
    site.provider.configure(faults=[{"kind": "status", "status": 503}])
    _wait(lambda: bool(site.sql("SELECT 1 FROM provider_state WHERE opened_at IS NOT NULL")))
    opened = time.time()
    time.sleep(DEAD_SECONDS + 1)
    site.provider.configure(faults=[])
    healed = time.time()
    step("dead provider", time.monotonic() - begun)

    begun = time.monotonic()
    _wait(storm.all_over)
    calls = read_ledger(site.service.folder)
    step("its recovery", time.monotonic() - begun)
    while_dead = sum(opened + 1 <= call.at < healed for call in calls)
    first = next(call.at for call in calls if call.at >= healed and call.delivered)
    return while_dead * 60 / DEAD_SECONDS, first - healed


def _deliveries(site: Site) -> int:
    return int(site.provider.summary()["deliveries"])


def _write(storm: Storm) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    storm.write(NewMailing("sale", "hello", now, now + timedelta(days=1), time_zone="UTC"))


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise LocalError("The measurement takes too long: see the functions' log.")
        time.sleep(0.2)
