"""What settings are refused, and that a refusal names the setting and never its value."""

import pytest

from chalicelib.config import ConfigurationError, read_settings

SECURE = {"DATABASE_URL": "postgresql+pg8000://us:secret@db.example/x", "DATABASE_TLS": "verify"}


@pytest.mark.parametrize("stage", ["dev", "prod", "staging"])
@pytest.mark.parametrize(
    "url",
    [
        "http://provider.example",
        "HTTP://provider.example/api",
        "http://10.0.0.7:8001",
        "http://127.0.0.1.example",
        "http://[2001:db8::1]/",
    ],
)
def test_nothing_goes_in_clear_to_a_provider_elsewhere(stage: str, url: str) -> None:
    with pytest.raises(ConfigurationError, match="PROVIDER_URL must begin with https://") as raised:
        read_settings(SECURE | {"STAGE": stage, "PROVIDER_URL": url})
    assert url not in str(raised.value)


@pytest.mark.parametrize(
    ("stage", "url"),
    [
        *(("prod", "https://provider.example/api"), ("dev", "https://[2001:db8::1]:8443/"), ("prod", "http://127.0.0.1:8001")),
        *(("prod", "http://localhost:8001/"), ("local", "http://provider:8001"), ("prod", "")),
    ],
)
def test_provider_urls_that_are_taken(stage: str, url: str) -> None:
    assert read_settings(SECURE | {"STAGE": stage, "PROVIDER_URL": url}).provider_url == url


@pytest.mark.parametrize(
    "url",
    [
        *(
            "provider.example",
            "ftp://provider.example",
            "https://",
            "https:///api",
            "https://user:hush@provider.example",
            "https://a b/",
        ),
        *(
            "https://provider.example/?key=hush",
            "https://provider.example/#x",
            "https://[",
            "https://x:99999",
            "https://x:port",
            "https://a..b",
            "https://.b",
        ),
        *("https://provider.example\n", "https://\u0430.example", "javascript:alert(1)"),
    ],
)
def test_provider_urls_that_could_not_be_called(url: str) -> None:
    with pytest.raises(ConfigurationError, match="PROVIDER_URL must be https://") as raised:
        read_settings(SECURE | {"PROVIDER_URL": url})
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("token", ["hush\n", " hush", "hush hush", "hush\u00e9", "hush\r\nX-Header: 1", "hush\0"])
def test_a_token_that_is_no_header_is_refused(token: str) -> None:
    with pytest.raises(ConfigurationError, match="PROVIDER_TOKEN must be visible ASCII") as raised:
        read_settings(SECURE | {"PROVIDER_TOKEN": token})
    assert "hush" not in str(raised.value)


def test_nothing_goes_in_clear_to_a_database_elsewhere() -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_TLS must be verify") as raised:
        read_settings(SECURE | {"STAGE": "prod", "DATABASE_TLS": "off"})
    assert "secret" not in str(raised.value)
    here = "postgresql+pg8000://us:secret@127.0.0.1/x"
    assert read_settings(SECURE | {"STAGE": "prod", "DATABASE_TLS": "off", "DATABASE_URL": here})
    assert read_settings(SECURE | {"STAGE": "local", "DATABASE_TLS": "off"})


def test_the_providers_name_fits_where_messages_keep_it() -> None:
    """Else no message could be claimed."""
    assert read_settings(SECURE | {"PROVIDER_NAME": "p" * 64}).provider_name == "p" * 64
    with pytest.raises(ConfigurationError, match="PROVIDER_NAME: String should have at most 64 characters"):
        read_settings(SECURE | {"PROVIDER_NAME": "p" * 65})
