"""Settings from the environment: read at first use, validated once.

Secrets (the database's URL, the provider's token) come from one Secrets Manager secret, a JSON object named by `SECRET_ID`.
`DATABASE_URL`, `PROVIDER_TOKEN` and `ENCRYPTION_KEYS` in the environment stand in for it where there is no AWS endpoint: on a laptop's
command line and in tests. A deployed function has only `SECRET_ID`.
"""

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from chalicelib.domain.strict_json import JsonError, parse

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
_KEY_LENGTH = 32


class ConfigurationError(Exception):
    """The environment lacks a setting, or holds one that cannot be right; the message names it."""


class Settings(BaseModel):
    """Everything that may differ between two deployments. Field names are the environment's names in lower case."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stage: str = "local"
    """Which stage of `.chalice/config.json` this is. Outside `local` the provider is called over https only."""
    database_url: SecretStr
    """SQLAlchemy URL of PostgreSQL (`postgresql+pg8000://…`), in the secret that `SECRET_ID` names."""
    service_database_url: SecretStr | None = None
    """For `manage`, which owns the tables: as whom the other functions reach them. None: as their owner, too."""
    provider_token: SecretStr = SecretStr("")
    """The provider's bearer token or other credential (docs/providers.md), in the same secret."""
    encryption_keys: SecretStr = SecretStr("")
    """Random keys with commas between them, the newest first, in the same secret: they encrypt the secrets of authenticator apps and sign
    cookies. Each is 32 visible ASCII characters or more. docs/aws.md says how to replace one."""

    providers: dict[str, SecretStr] = {}
    """Credentials of the providers that stand in the database (docs/providers.md), by name, in the same secret; in the environment a
    JSON object."""

    mailings_queue_url: str = ""
    """The queue that runs of mailings are asked for on."""
    mailings_queue_arn: str = ""
    """The same queue, as the target of schedules."""
    messages_queue_url: str = ""
    """The queue of chunks of messages."""
    mailings_dlq_url: str = ""
    """Where requests for runs go that cannot be read."""
    messages_dlq_url: str = ""
    """Where chunks go that cannot be read."""
    schedule_group: str = "mailings"
    """The EventBridge Scheduler group of the mailings."""
    schedule_role_arn: str = ""
    """The role with which schedules write to the queue."""

    provider_name: Annotated[str, Field(min_length=1, max_length=64)] = "default"
    """Under which name the provider's circuit breaker and rate limit are kept, and messages handed to it. Where `PROVIDER_KIND` is not
    contract, it is the kind unless it is given. Another account needs another name: a call whose outcome is unknown is only repeated by
    the provider of the same name."""
    provider_kind: str = "contract"
    """Which API the provider speaks: contract, aws_sms, twilio, infobip, smsc or http (docs/providers.md)."""
    provider_url: str = ""
    """The provider's base URL; may be left out for aws_sms, twilio and smsc."""
    provider_sender: str = ""
    """The sender that recipients see: a number, a name, a messaging service or a pool, as the provider calls it."""
    provider_options: str = ""
    """For the kind http: the description of its API, as JSON (docs/providers.md)."""
    provider_honours_key: bool = False
    """Does the provider deliver once however often it is called with one key? Said of none until it is known."""
    provider_deadline_seconds: Seconds = 10
    """The whole of one call, from connecting to the last byte of the answer."""
    provider_threads: Count = 25
    """Calls of the provider that one function makes at the same time."""
    provider_idle_seconds: Annotated[float, Field(ge=0)] = 4
    """A connection to the provider that was idle for longer is not used again: proxies and gateways forget idle ones. 0: a new
    connection for each call."""

    chunk_size: Count = 25
    """Messages in one SQS message."""
    lease_deadlines: Annotated[float, Field(ge=2)] = 3
    """A claim's lease, in provider deadlines."""
    max_attempts: Count = 8
    """Calls of the provider for one message before it fails."""
    backoff_base_seconds: Seconds = 2
    """The first pause before another attempt; it doubles with each, with full jitter."""
    backoff_cap_seconds: Seconds = 600
    """The longest pause before another attempt."""
    visibility_seconds: Seconds = 540
    """Visibility timeout of the messages queue; a row dispatched longer ago than this counts as lost."""

    breaker_failures: Count = 20
    """Failed calls in a row, over all workers, that open the provider's breaker."""
    probe_seconds: Seconds = 20
    """How often a provider whose breaker is open is called, to see whether it is back."""
    provider_rate: Annotated[int, Field(ge=0)] = 0
    """Calls a second over all mailings; 0: as many as the workers make."""
    longest_hold_seconds: Seconds = 600
    """For how long a provider's Retry-After may hold all calls to it, however much it asks for."""
    rate_burst_seconds: Seconds = 1
    """How much of a rate may come at once, after a stall or at the start."""

    run_budget_seconds: Seconds = 20
    """How long one run of a mailing works before it hands over to the next."""
    run_lease_seconds: Seconds = 100
    """Longer than the function's timeout: who holds the lease is dead when it ends."""
    plan_slice: Count = 10_000
    """Clients that one statement plans."""
    max_dispatched: Count = 10_000
    """A mailing's messages that may be in the queue at the same time."""
    dispatch_batch: Count = 2_500
    """Messages that one statement dispatches."""
    chain_seconds: Count = 1
    """Pause between two runs of a mailing that has work in flight (whole seconds: SQS counts no finer)."""
    soon_seconds: Seconds = 10
    """Moments nearer than this are reached through the queue's delay, not through a schedule."""
    max_hops: Count = 20_000
    """Turns that a chain of runs may take before it waits for reconcile: a bound on any loop."""
    reconcile_grace_seconds: Seconds = 60
    """How long after its moment a mailing may still be started by its schedule (at() is precise to a minute)."""

    phone_days: Annotated[int, Field(ge=0)] = 90
    """Days after which the phones on a finished mailing's messages are cleared; 0: never. Clients keep theirs."""

    token_days: Count = 30
    """How long a token is good for, if its maker does not say."""
    tokens_per_user: Count = 50
    """How many tokens that are still good a user may have. A login beyond it ends the login token that was not used for longest."""
    session_hours: Count = 12
    """How long somebody stays logged in at the admin panel at most."""
    session_idle_minutes: Count = 60
    """After how long without use a session ends."""
    documentation_token_minutes: Annotated[int, Field(ge=2, le=60)] = 15
    """How long a token of the documentation page is good for; the page gets itself another while its session lasts."""
    login_window_seconds: Seconds = 900
    """Failed logins count for so long."""
    login_max_failures: Count = 10
    """Failures of one name from one place within the window; ten times that from one address; docs/security.md has the sums."""
    known_place_days: Count = 90
    """How long an address or a browser stays known to a user after the last login there."""
    second_factor_for_superusers: bool = False
    """Must superusers log in with a one-time code? Who has none can do nothing but set it up."""
    password_login: bool = True
    """May people log in with a password, at the panel and at the API? `false` needs single sign-on (`OIDC_ISSUER`)."""
    oidc_issuer: str = ""
    """Issuer of the OpenID Connect provider for single sign-on at the panel, as its discovery document names it; empty: none."""
    oidc_client_id: str = ""
    """The client that this service is registered as at the OpenID Connect provider."""
    oidc_client_secret: SecretStr = SecretStr("")
    """Its secret, in the same secret as the database's URL; empty: a public client, with PKCE alone."""
    oidc_claim: Literal["email", "preferred_username"] = "email"
    """The claim that is compared with what a superuser prepared for a user. An e-mail address must be verified by the provider."""
    oidc_create_users: bool = False
    """Is an ordinary user created at the first single sign-on of a person whom nobody prepared?"""
    oidc_groups_claim: str = "groups"
    """The claim that lists a person's groups."""
    oidc_superuser_group: str = ""
    """Members of this group are superusers, all others are not: checked at each single sign-on. Empty: superusers are named here."""
    test_sends_per_hour: Count = 20
    """Test messages that one user may send within an hour, over all mailings."""
    audit_days: Annotated[int, Field(ge=30)] = 400
    """Days after which events of the audit log are dropped."""
    page_size_default: Count = 50
    """Rows on a page of a list that does not say how many."""
    page_size_max: Count = 500
    """Rows on a page at most."""
    test_clients_enabled: bool = True
    """Are /add-users and /del-users open? Never in prod."""
    cors_origins: str = ""
    """Sites whose pages may call the API from a browser: origins with commas between them, or `*`."""
    public_url: str = ""
    """The address under which people reach the service; empty: the one that each request came to."""
    message_id_base: Annotated[int, Field(ge=1, lt=2**52)] = 1
    """First message id of this stage: stages that share a provider account must not share keys."""
    statement_timeout_seconds: Seconds = 25
    """After how long the database gives up on a statement."""
    database_tls: Literal["off", "verify"] = "off"
    """`verify`: TLS with the database's certificate checked."""

    @model_validator(mode="after")
    def durations_fit_each_other(self) -> Self:
        """The time budget of a claim only holds if the numbers stand in this order."""
        if self.visibility_seconds <= self.lease_seconds:
            raise ValueError("VISIBILITY_SECONDS must be longer than a claim's lease")
        if self.run_lease_seconds <= self.run_budget_seconds:
            raise ValueError("RUN_LEASE_SECONDS must be longer than RUN_BUDGET_SECONDS")
        return self

    @model_validator(mode="before")
    @classmethod
    def the_kind_names_the_provider(cls, given: Any) -> Any:
        """Another kind of provider is another provider."""
        if isinstance(given, dict) and not given.get("provider_name"):
            kind = given.get("provider_kind") or "contract"
            return {**given, "provider_name": "default" if kind == "contract" else kind}
        return given

    @model_validator(mode="after")
    def the_provider_can_be_called(self) -> Self:
        """Find out now what would fail, or leak, at every call. Messages hold no value: a URL may carry a password."""
        if not _visible(self.provider_token.get_secret_value()):
            raise ValueError("PROVIDER_TOKEN must be visible ASCII characters, without spaces or line ends")
        if not self.provider_url:
            return self
        try:
            parts = urlsplit(self.provider_url)
            complete = parts.scheme in ("http", "https") and bool((parts.hostname or "").encode("idna")) and parts.port != 0
        except ValueError:
            complete = False
        if not complete or parts.username is not None or parts.query or parts.fragment or not _visible(self.provider_url):
            raise ValueError("PROVIDER_URL must be https://host[:port][/path], without user name, query or fragment")
        if parts.scheme == "http" and not self._stays_here(parts.hostname):
            raise ValueError(
                "PROVIDER_URL must begin with https:// outside the stage local: token, phones and texts would go in clear"
            )
        return self

    @model_validator(mode="after")
    def keys_are_long_enough(self) -> Self:
        """A key that can be guessed protects nothing."""
        given = self.encryption_keys.get_secret_value()
        keys = [key.strip() for key in given.split(",")] if given.strip() else []
        if not all(len(key) >= _KEY_LENGTH and _visible(key) for key in keys):
            raise ValueError(
                f"ENCRYPTION_KEYS must be keys of {_KEY_LENGTH} or more visible ASCII characters, with commas between them"
            )
        return self

    @model_validator(mode="after")
    def single_sign_on_is_complete(self) -> Self:
        """Refuse a half-configured single sign-on, and a service that nobody could log in to."""
        if not self.oidc_issuer:
            if not self.password_login:
                raise ValueError("PASSWORD_LOGIN=false needs OIDC_ISSUER: nobody could log in")
            return self
        try:
            parts = urlsplit(self.oidc_issuer)
            complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            complete = False
        if not complete or parts.username is not None or parts.query or parts.fragment or not _visible(self.oidc_issuer):
            raise ValueError("OIDC_ISSUER must be https://host[:port][/path], without user name, query or fragment")
        if parts.scheme == "http" and not self._stays_here(parts.hostname):
            raise ValueError("OIDC_ISSUER must begin with https:// outside the stage local")
        if not self.oidc_client_id or not _visible(self.oidc_client_id):
            raise ValueError("OIDC_CLIENT_ID must be set where OIDC_ISSUER is: visible ASCII characters, without spaces")
        return self

    @model_validator(mode="after")
    def the_database_is_reached_over_tls(self) -> Self:
        """Outside the stage local, no data goes in clear."""
        try:
            host = urlsplit(self.database_url.get_secret_value()).hostname
        except ValueError:
            return self  # the engine says what is wrong with it
        if self.database_tls == "off" and host and not self._stays_here(host):
            raise ValueError("DATABASE_TLS must be verify outside the stage local")
        return self

    def _stays_here(self, host: str | None) -> bool:
        """Is what goes to this host in clear not seen by anybody else? At the stage local, all hosts are of one machine."""
        return self.stage == "local" or host in ("127.0.0.1", "::1", "localhost")

    def with_provider(self, **fields: Any) -> Self:
        """Return these settings with another provider (`provider_…`); raises ConfigurationError that names what is wrong."""
        try:
            return type(self).model_validate({**dict(self), **fields})
        except ValidationError as error:
            raise ConfigurationError(_complaints(error)) from None

    @property
    def lease_seconds(self) -> float:
        """How long a worker may hold a message, in seconds."""
        return self.lease_deadlines * self.provider_deadline_seconds


_MOST_SECRET = 2**16  # bytes of a secret: as many as Secrets Manager takes


def _visible(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


def _secret(secret_id: str) -> dict[str, Any]:
    import boto3  # only here: a command line with DATABASE_URL needs no AWS

    try:
        client = boto3.client("secretsmanager")
        found: dict[str, Any] = parse(client.get_secret_value(SecretId=secret_id)["SecretString"], _MOST_SECRET)
    except JsonError as error:  # it tells names, and no value
        raise ConfigurationError(f"secret {secret_id} (SECRET_ID) cannot be read: it {error}") from error
    except Exception as error:
        raise ConfigurationError(f"secret {secret_id} (SECRET_ID) cannot be read: {type(error).__name__}") from error
    return found


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from an environment; raises ConfigurationError that names what is missing or wrong, never its value."""
    values: dict[str, Any] = {name: environment[name.upper()] for name in Settings.model_fields if name.upper() in environment}
    if "database_url" not in values and environment.get("SECRET_ID"):
        secret = _secret(environment["SECRET_ID"])
        values |= {
            name: secret[name]
            for name in (
                "database_url",
                "service_database_url",
                "provider_token",
                "providers",
                "encryption_keys",
                "oidc_client_secret",
            )
            if name in secret
        }
    if isinstance(values.get("providers"), str):
        try:
            values["providers"] = parse(values["providers"] or "{}", _MOST_SECRET)
        except JsonError as error:  # it tells names, and no value
            why = f"settings: PROVIDERS must be a JSON object of credentials by provider: it {error}"
            raise ConfigurationError(why) from None
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ConfigurationError(f"settings: {_complaints(error)}") from None


def _complaints(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(str(part) for part in e['loc']).upper()}: {e['msg']}" for e in error.errors(include_input=False))


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings(os.environ)
