"""Keys that are derived by purpose."""

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chalicelib.auth.keyring import Keyring, UnreadableError
from chalicelib.config import ConfigurationError, read_settings

DATABASE = {"DATABASE_URL": "postgresql+pg8000://u:p@127.0.0.1/x"}
OLD, NEW = "o" * 32, "n" * 32


def ring(*keys: str) -> Keyring:
    return Keyring.of(read_settings(DATABASE | {"ENCRYPTION_KEYS": ",".join(keys)}))


@pytest.mark.parametrize("purpose", ["csrf", "messages for the next page", ""])
def test_keys_are_those_of_hkdf(purpose: str) -> None:
    for key, derived in zip((NEW, OLD), ring(NEW, OLD).derived(purpose), strict=True):
        assert derived == HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(key.encode())


def test_what_one_key_of_the_list_sealed_every_list_with_it_opens() -> None:
    sealed = ring(OLD).seal("p", 7, "secret:of:mine")
    for keys in ((OLD,), (OLD, NEW), (NEW, OLD)):
        assert ring(*keys).open("p", 7, sealed) == "secret:of:mine"
    assert ring(OLD, NEW).is_newest("p", sealed)
    assert not ring(NEW, OLD).is_newest("p", sealed)
    for key, purpose, row, stored in (
        (NEW, "p", 7, sealed),
        (OLD, "q", 7, sealed),
        (OLD, "p", 8, sealed),
        (OLD, "p", 7, sealed[:-4] + "AAA="),
        (OLD, "p", 7, "ключ"),
        (OLD, "p", 7, ""),
    ):
        with pytest.raises(UnreadableError):
            ring(key).open(purpose, row, stored)


@pytest.mark.parametrize("given", ["short", f"{OLD},", f",{OLD}", f"{OLD},short", "ключ" * 10, f"{OLD} {OLD}"])
def test_keys_that_protect_nothing_are_refused_without_being_told(given: str) -> None:
    with pytest.raises(ConfigurationError, match="ENCRYPTION_KEYS must be keys of 32") as raised:
        read_settings(DATABASE | {"ENCRYPTION_KEYS": given})
    assert given not in str(raised.value)


def test_no_key_is_an_error_where_one_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="ENCRYPTION_KEYS"):
        ring()
