"""Passwords that anybody tries first are refused, wherever one is set."""

import pytest

from chalicelib.auth.password_rules import _common, require_good
from chalicelib.auth.passwords import PasswordError


@pytest.mark.parametrize("password", ["trustno1", "Liverpool1", "CHOCOLATE", "1qaz2wsx", "slipknot", "letmein123", "mailing-api"])
def test_common_passwords_are_refused(password: str) -> None:
    with pytest.raises(PasswordError, match="one of the first"):
        require_good(password, "anna")


def test_the_list_is_of_some_size_and_holds_only_what_is_long_enough() -> None:
    assert len(_common()) > 8_000
    assert all(len(word) >= 8 for word in _common() if word)


def test_a_name_is_found_in_any_case() -> None:
    for name, password in (("anna", "xxANNAyy12"), ("Straße", "12STRASSE34")):
        with pytest.raises(PasswordError, match="name"):
            require_good(password, name)


def test_good_ones_are_taken() -> None:
    require_good("correct horse battery", "anna")
