"""Whose trouble is it: an answer that blames our configuration may be about everybody's calls, or about one message's.

A wrong token is refused with every message; a recipient that the provider's gateway dislikes is refused alone. What tells them apart
is whether other messages are accepted in the same while. A message that is refused alone spends a budget of its own and does not count
for the circuit breaker.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MOST_REFUSALS = 5
"""Answers that blame the configuration, of one message while others are accepted, after which it is final."""
MOST_CLAIMS = 100
"""Claims of a message that is throttled again and again, after which it is final; half of them while others are accepted."""


@dataclass(frozen=True, slots=True)
class Blamed:
    """A message whose call was answered so. `refusals` counts earlier such answers that were its own.

    `since` is when its last call of this kind was answered; None if that was of another kind, or there was none.
    """

    refusals: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Is it the message's own trouble, and were others seen to be accepted (or is that only presumed from earlier)?"""

    own: bool
    evident: bool = False


def judge(blamed: Sequence[Blamed], accepted: int, last_accepted: datetime | None, *, probing: bool) -> list[Judgement]:
    """Judges the messages of one chunk that were answered so; `accepted` others of it were accepted.

    `last_accepted` is a moment after which a call began that was accepted. While the breaker is open nothing is anybody's own.
    """
    beside = accepted > 0 and accepted >= len(blamed)
    # Nobody else is called: a single message that was refused alone before, or several that were at least twice, are so still.
    presumed = all(each.refusals > (1 if len(blamed) > 1 else 0) for each in blamed)
    judgements = []
    for each in blamed:
        after = last_accepted is not None and each.since is not None and last_accepted >= each.since
        evident = not probing and (beside or after)
        judgements.append(Judgement(evident or (presumed and not probing), evident))
    return judgements


def wait(refusals: int, evident: bool, *, base: float, probe: float, cap: float) -> float:
    """Seconds until a message is tried again that was refused alone, before jitter; `refusals` includes the last one.

    Longer where nothing was accepted since: should it be the configuration after all, there is time to mend it.
    """
    return min((base if evident else 2 * probe) * 2.0 ** (refusals - 1), cap)
