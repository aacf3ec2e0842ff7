"""The names in the provider's ledger, and what the balance takes them for."""

import pytest

from local.provider.faults import Fault
from tests.faults.balance import SURELY_NOT_DELIVERED


@pytest.mark.parametrize(
    ("fault", "name", "sure"),
    [
        ({"kind": "throttle", "rate": 5}, "429", True),
        ({"kind": "status", "status": 503}, "503", True),
        ({"kind": "interim", "interim": [102], "status": 400}, "interim 400", True),
        ({"kind": "status", "status": 500}, "500", False),
        ({"kind": "status", "status": 400, "accepted": True}, "400 after accepting", False),
        ({"kind": "hang"}, "hang", False),
    ],
)
def test_a_refusal_leaves_no_doubt_and_all_else_does(fault: dict[str, object], name: str, sure: bool) -> None:
    assert Fault.parse(fault, 0.0).name == name
    assert (name in SURELY_NOT_DELIVERED) == sure
