"""HTTP status codes of a provider's answers, and the outcome that each stands for.

The table is data: docs/provider.md shows it, and a test compares the two. The rules behind it:

- A class whose consequence cannot be undone is given only to statuses that say so. A refusal is final, so an unlisted 4xx is none.
- 4xx says that the request was not accepted, so that another call cannot become a second delivery; but for the numbers with which
  proxies say that somebody left before the answer. 5xx and 2xx do not say it.
- 1xx, 2xx, 5xx and numbers outside HTTP that are not listed may belong to an accepted message: the outcome is unknown.
"""

from typing import Final, NamedTuple

from chalicelib.domain.outcome import OutcomeKind


class StatusRule(NamedTuple):
    """The statuses `first` to `last` and their outcome."""

    first: int
    last: int
    kind: OutcomeKind
    reason: str


_REFUSED: Final = OutcomeKind.REFUSED
_LATER: Final = OutcomeKind.NOT_DELIVERED
_THROTTLED: Final = OutcomeKind.THROTTLED
_OURS: Final = OutcomeKind.MISCONFIGURED
_UNKNOWN: Final = OutcomeKind.UNKNOWN
_UNEXPECTED: Final = OutcomeKind.UNEXPECTED_REFUSAL

RANGES: Final = (
    StatusRule(0, 99, _UNKNOWN, "not a status of HTTP"),
    StatusRule(100, 199, _UNKNOWN, "interim: skipped, the final answer counts; unknown if no final answer follows"),
    StatusRule(200, 299, _UNKNOWN, "success that the provider's contract does not describe: it may have accepted the message"),
    StatusRule(
        300, 399, _OURS, "a redirect: the configured address is wrong; it is never followed, and its Location is not read"
    ),
    StatusRule(
        400, 499, _UNEXPECTED, "not accepted, for a reason that the status does not settle: tried again before it is final"
    ),
    StatusRule(500, 599, _UNKNOWN, "the provider failed, perhaps after it accepted the message"),
    StatusRule(600, 999, _UNKNOWN, "not a status of HTTP"),
)
"""What holds for a status that has no row of its own."""

STATUSES: Final = tuple(
    StatusRule(status, status, kind, reason)
    for status, kind, reason in (
        (200, _UNKNOWN, "the body decides (below); unknown without a body of the contract"),
        (400, _REFUSED, "the provider cannot take this message as it is"),
        (401, _OURS, "the token is missing, wrong or expired"),
        (402, _OURS, "the account wants payment"),
        (403, _OURS, "the token does not permit sending"),
        (404, _OURS, "nothing is at the configured address"),
        (405, _OURS, "the configured address takes no POST"),
        (406, _OURS, "the Accept headers that we send do not suit the provider"),
        (407, _OURS, "a proxy wants to know who we are"),
        (408, _LATER, "the provider did not receive the whole request in time"),
        (409, _UNEXPECTED, "a conflict that the contract does not describe: with another call, or with an earlier state"),
        (410, _OURS, "nothing is at the configured address any more"),
        (411, _OURS, "the form of our requests does not suit the provider (it found no length)"),
        (413, _REFUSED, "this message is too long for the provider"),
        (414, _OURS, "the configured address is too long"),
        (415, _OURS, "the provider does not take the JSON that we send"),
        (417, _OURS, "an intermediary adds expectations to our requests that the provider cannot meet"),
        (419, _OURS, "the session has expired (Laravel): the address is a page, not an API"),
        (420, _THROTTLED, "too many calls (an old form of 429)"),
        (421, _LATER, "the connection led to the wrong server: another connection may lead to the right one"),
        (422, _REFUSED, "the provider cannot take this message as it is"),
        (423, _LATER, "locked for the moment"),
        (425, _LATER, "too early: the provider asks for the same request again"),
        (426, _OURS, "the provider wants another protocol version"),
        (428, _OURS, "the provider wants conditional requests"),
        (429, _THROTTLED, "too many calls"),
        (431, _OURS, "the headers that we send are too large"),
        (440, _OURS, "the login has expired (IIS)"),
        (451, _UNEXPECTED, "withheld for legal reasons: of this recipient perhaps, perhaps of all"),
        (460, _UNKNOWN, "a load balancer (AWS) saw its client leave, perhaps after the provider had accepted the message"),
        (463, _UNKNOWN, "a load balancer (AWS) objects to forwarded addresses, perhaps not the first one on the way"),
        (494, _OURS, "the headers that we send are too large (nginx)"),
        (495, _OURS, "the provider does not accept our certificate (nginx)"),
        (496, _OURS, "the provider wants a certificate from us (nginx)"),
        (497, _OURS, "http:// was used where https:// is spoken (nginx)"),
        (498, _OURS, "the token is wrong or expired (ArcGIS)"),
        (499, _UNKNOWN, "a proxy (nginx) saw its client leave, perhaps after the provider had accepted the message"),
        (500, _UNKNOWN, "the provider failed, perhaps after it accepted the message"),
        (501, _UNKNOWN, "something is not implemented: perhaps a step after it accepted the message"),
        (502, _UNKNOWN, "a gateway got no proper answer from the provider, which may have accepted the message"),
        (503, _LATER, "unavailable for the moment"),
        (504, _UNKNOWN, "a gateway waited too long for the provider, which may have accepted the message"),
        (505, _OURS, "the provider does not speak our version of HTTP"),
        (511, _OURS, "a network between us and the provider wants a login: the request did not reach the provider"),
        (521, _LATER, "Cloudflare was refused the connection to the provider"),
        (523, _LATER, "Cloudflare cannot reach the provider"),
        (525, _LATER, "Cloudflare's TLS handshake with the provider failed"),
        (526, _LATER, "Cloudflare does not trust the provider's certificate"),
    )
)

_BY_STATUS: Final = {rule.first: rule for rule in STATUSES}
_NOT_HTTP: Final = StatusRule(0, 0, _UNKNOWN, "not a status of HTTP")


def rule_of(status: int) -> StatusRule:
    """The row that holds for a status, whatever number it is."""
    own = _BY_STATUS.get(status)
    return own or next((rule for rule in RANGES if rule.first <= status <= rule.last), _NOT_HTTP)
