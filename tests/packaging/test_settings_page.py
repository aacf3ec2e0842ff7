"""docs/settings.md, and what an operator can set when the stack is deployed."""

from chalicelib.config import Settings
from local.settings_page import PAGE, docstrings, page, parameters


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "docs/settings.md has drifted from chalicelib/config.py: run `make settings`"
    )


def test_every_setting_says_what_it_means() -> None:
    assert set(docstrings()) == set(Settings.model_fields)


def test_what_an_operator_sets_is_a_parameter() -> None:
    assert (
        parameters().items()
        >= {
            "TEST_CLIENTS_ENABLED": "TestClients",
            "PROVIDER_URL": "ProviderUrl",
            "PROVIDER_HONOURS_KEY": "ProviderHonoursKey",
            "PUBLIC_URL": "DomainName",
            "PHONE_DAYS": "PhoneDays",
            "TOKEN_DAYS": "TokenDays",
            "SESSION_HOURS": "SessionHours",
            "SESSION_IDLE_MINUTES": "SessionIdleMinutes",
            "PROVIDER_RATE": "ProviderRate",
        }.items()
    )
    assert {name.lower() for name in parameters()} <= {*Settings.model_fields, "secret_id"}
