"""The tables. Every moment is a `timestamptz` (UTC); `starts_at` and `ends_at` of a mailing are wall times and have no zone."""

from datetime import datetime, time
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy import (
    text as sql_text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chalicelib.domain import limits
from chalicelib.domain.status import MailingStatus, StartSource

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
MOMENT = TIMESTAMP(timezone=True)
WALL_TIME = TIMESTAMP(timezone=False)


class Base(DeclarativeBase):
    """What all tables share."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: MOMENT, str: Text, list[str]: ARRAY(Text), dict[str, Any]: JSONB}  # noqa: RUF012 - SQLAlchemy's own form


def _big_id(start: int = 1) -> Mapped[int]:
    return mapped_column(BigInteger, Identity(always=False, start=start), primary_key=True)


def _one_of(column: str, values: type[MailingStatus] | type[StartSource]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


class User(Base):
    """Someone who logs in; owns clients and mailings."""

    __tablename__ = "user"
    __table_args__ = (Index("uq_user_username_lower", func.lower(sql_text("username")), unique=True),)

    id: Mapped[int] = _big_id()
    username: Mapped[str] = mapped_column(String(150))
    password_hash: Mapped[str]
    is_superuser: Mapped[bool] = mapped_column(Boolean, server_default=sql_text("false"))
    is_active: Mapped[bool] = mapped_column(Boolean, server_default=sql_text("true"))
    default_country: Mapped[str | None] = mapped_column(String(2))
    """Of phones that this user types without +, in the admin panel. ISO 3166; None: such phones are refused."""
    import_columns: Mapped[dict[str, Any]] = mapped_column(server_default=sql_text("'{}'"))
    """What columns of imported files are, by their names, as this user chose."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ApiToken(Base):
    """A bearer's key to the API. Only the SHA-256 of its secret is stored."""

    __tablename__ = "api_token"

    id: Mapped[int] = _big_id()
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(40))
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("api_token.id", ondelete="CASCADE"), index=True)
    """The token with which this one was made: it ends with it."""
    session_id: Mapped[int | None] = mapped_column(ForeignKey("session.id", ondelete="CASCADE"), index=True)
    """The browser session that the documentation page made this one for, a few minutes at a time: it ends with it."""


class Client(Base):
    """A person who may be sent messages."""

    __tablename__ = "client"
    __table_args__ = (
        UniqueConstraint("owner_id", "phone"),
        Index("ix_client_owner_id_id", "owner_id", "id"),
        # Planning reads one zone of one owner in slices by id.
        Index("ix_client_owner_id_time_zone_id", "owner_id", "time_zone", "id"),
        # Lists by operator code and by tag.
        Index("ix_client_owner_id_operator_code_id", "owner_id", "operator_code", "id"),
        Index("ix_client_tags", "tags", postgresql_using="gin"),
    )

    id: Mapped[int] = _big_id()
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    phone: Mapped[str] = mapped_column(String(16, collation="C"))
    """Compared byte by byte, so that the index also finds prefixes."""
    operator_code: Mapped[str] = mapped_column(String(10))
    tags: Mapped[list[str]] = mapped_column(server_default=sql_text("'{}'"))
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=sql_text("'{}'"))
    time_zone: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ClientsDeletion(Base):
    """A deletion of all clients up to `through_id` that is not done yet. At most one row."""

    __tablename__ = "clients_deletion"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    through_id: Mapped[int] = mapped_column(BigInteger)


class Mailing(Base):
    """A text, the clients it is for, and when it may go out."""

    __tablename__ = "mailing"
    __table_args__ = (
        CheckConstraint(_one_of("status", MailingStatus), name="status"),
        CheckConstraint(_one_of("started_by", StartSource), name="started_by"),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("(send_from IS NULL) = (send_until IS NULL)", name="sending_hours"),
        CheckConstraint("rate_limit > 0", name="rate_limit"),
        Index("ix_mailing_owner_id_id", "owner_id", "id"),
        # Reconcile asks every minute what is overdue; finished mailings have no next run and are not in it.
        Index("ix_mailing_next_run_at", "next_run_at", postgresql_where=sql_text("next_run_at IS NOT NULL")),
        # Which are being deleted: lists leave out their messages.
        Index("ix_mailing_deleting", "id", postgresql_where=sql_text("deleting_since IS NOT NULL")),
        # And whose phones are kept too long by now.
        Index(
            "ix_mailing_phones_kept",
            "finished_at",
            postgresql_where=sql_text("finished_at IS NOT NULL AND phones_cleared_at IS NULL"),
        ),
    )

    id: Mapped[int] = _big_id()
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    name: Mapped[str] = mapped_column(String(200))
    text: Mapped[str]
    filter_operator_codes: Mapped[list[str]] = mapped_column(server_default=sql_text("'{}'"))
    filter_tags: Mapped[list[str]] = mapped_column(server_default=sql_text("'{}'"))
    starts_at: Mapped[datetime] = mapped_column(WALL_TIME)
    ends_at: Mapped[datetime] = mapped_column(WALL_TIME)
    time_zone: Mapped[str | None] = mapped_column(String(64))
    send_from: Mapped[time | None]
    send_until: Mapped[time | None]
    rate_limit: Mapped[int | None]
    providers: Mapped[list[str]] = mapped_column(server_default=sql_text("'{}'"))
    """Names of the providers that may send it, the first one first; empty: all that are enabled, by their position."""
    status: Mapped[str] = mapped_column(String(16))
    next_run_at: Mapped[datetime | None]
    schedule_at: Mapped[datetime | None]
    run_lease_until: Mapped[datetime | None]
    rate_tat: Mapped[datetime | None]
    start_now_at: Mapped[datetime | None]
    started_by: Mapped[str | None] = mapped_column(String(16))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    final_counts: Mapped[dict[str, Any] | None]
    phones_cleared_at: Mapped[datetime | None]
    retrying_since: Mapped[datetime | None]
    """When somebody asked for its failed messages to be tried again; None once runs have queued all of them."""
    retry_cursor: Mapped[int | None] = mapped_column(BigInteger)
    """The message up to which that is done."""
    deleting_since: Mapped[datetime | None]
    """When somebody deleted it: from then on it is seen nowhere, and runs remove its messages."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ProviderAccount(Base):
    """An account with a provider. Its credential stands in the service's secret, under its name."""

    __tablename__ = "provider"
    __table_args__ = (UniqueConstraint("name"), CheckConstraint("rate >= 0", name="rate"))

    id: Mapped[int] = _big_id()
    name: Mapped[str] = mapped_column(String(limits.PROVIDER_NAME_LENGTH))
    """Under which its breaker and rates are kept, and messages handed to it; never changes."""
    kind: Mapped[str] = mapped_column(String(16))
    url: Mapped[str] = mapped_column(String(limits.PROVIDER_URL_LENGTH), server_default=sql_text("''"))
    sender: Mapped[str] = mapped_column(String(limits.PROVIDER_SENDER_LENGTH), server_default=sql_text("''"))
    options: Mapped[str] = mapped_column(server_default=sql_text("''"))
    honours_key: Mapped[bool] = mapped_column(Boolean, server_default=sql_text("false"))
    rate: Mapped[int] = mapped_column(Integer, server_default=sql_text("0"))
    enabled: Mapped[bool] = mapped_column(Boolean, server_default=sql_text("true"))
    position: Mapped[int] = mapped_column(Integer, server_default=sql_text("0"))
    environment: Mapped[bool] = mapped_column(Boolean, server_default=sql_text("false"))
    """Is it the one that the deployment's settings name?"""
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ProviderState(Base):
    """What all workers know of a provider together: its breaker, its pace, and how much of its rate is spent."""

    __tablename__ = "provider_state"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, server_default=sql_text("0"))
    opened_at: Mapped[datetime | None]
    probe_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(String(200))
    rate_tat: Mapped[datetime | None]
    suspected_at: Mapped[datetime | None]
    """When a message was last refused as if our configuration were wrong."""
    accepted_at: Mapped[datetime | None]
    """A call that began then or later was accepted; only written while there is a suspicion."""
    pace: Mapped[float | None] = mapped_column(Double)
    """Calls a second at `pace_at`, of a provider that throttles (domain.pace)."""
    pace_at: Mapped[datetime | None]
    pace_steady: Mapped[float | None] = mapped_column(Double)
    pace_ceiling: Mapped[float | None] = mapped_column(Double)
    held_until: Mapped[datetime | None]
    """No call before: the provider asked for it (Retry-After)."""
    held_reason: Mapped[str | None] = mapped_column(String(200))
    throttled: Mapped[int] = mapped_column(Integer, server_default=sql_text("0"))
    """Throttled calls within a few seconds before `throttled_at`, while there is no pace yet."""
    throttled_at: Mapped[datetime | None]


class MailingZone(Base):
    """One time zone of one mailing: its window, and how far planning has come.

    The windows stand here and not in a million messages: an edit of the end or the hours rewrites a few dozen rows.
    """

    __tablename__ = "mailing_zone"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id", ondelete="CASCADE"), primary_key=True)
    time_zone: Mapped[str] = mapped_column(String(64), primary_key=True)
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    cursor: Mapped[int] = mapped_column(BigInteger, server_default=sql_text("0"))
    planned_at: Mapped[datetime | None]


_VISIBLE = sql_text("deleted_at IS NULL")
_UNDISPATCHED = sql_text("status = 1 AND dispatched_at IS NULL")
_DISPATCHED = sql_text("status = 1 AND dispatched_at IS NOT NULL")
_LEFT_BEHIND = sql_text("client_id IS NULL AND phone IS NOT NULL")


class Message(Base):
    """One mailing to one client. The table is the outbox: what is not final here is still to be done.

    The two unique keys are the promise: the database itself refuses a second message to a client, also after the client was deleted
    and imported again or changed the number.
    """

    __tablename__ = "message"
    __table_args__ = (
        # The client first: the same index answers which messages a client has.
        UniqueConstraint("client_id", "mailing_id"),
        UniqueConstraint("mailing_id", "phone"),
        CheckConstraint("status BETWEEN 1 AND 5", name="status"),
        # An owner's and a mailing's messages of one status by page, and how many they are.
        Index("ix_message_owner_id_status_id", "owner_id", "status", "id", postgresql_where=_VISIBLE),
        Index("ix_message_mailing_id_status_id", "mailing_id", "status", "id", postgresql_where=_VISIBLE),
        # What a run dispatches next: of one open zone, in the order of its moments.
        Index("ix_message_undispatched", "mailing_id", "time_zone", "not_before", "id", postgresql_where=_UNDISPATCHED),
        # How full the queue is, and what reconcile takes for lost; a row under a lease is always a dispatched one.
        Index("ix_message_dispatched", "mailing_id", "dispatched_at", postgresql_where=_DISPATCHED),
        # What deleted clients left behind, for a client who comes with the phone of one of them.
        Index("ix_message_left_behind", "mailing_id", postgresql_where=_LEFT_BEHIND),
    )

    id: Mapped[int] = _big_id()
    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id", ondelete="CASCADE"))
    owner_id: Mapped[int] = mapped_column(BigInteger)
    client_id: Mapped[int | None] = mapped_column(ForeignKey("client.id", ondelete="SET NULL"))
    phone: Mapped[str | None] = mapped_column(String(16))
    """None once it was cleared, long after its mailing was finished."""
    time_zone: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(SmallInteger)
    not_before: Mapped[datetime]
    dispatched_at: Mapped[datetime | None]
    claim_no: Mapped[int] = mapped_column(Integer, server_default=sql_text("0"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=sql_text("0"))
    lease_until: Mapped[datetime | None]
    unknown: Mapped[bool] = mapped_column(Boolean, server_default=sql_text("false"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    attempted_at: Mapped[datetime | None]
    """When the last call was made that was not accepted."""
    own_refusals: Mapped[int] = mapped_column(SmallInteger, server_default=sql_text("0"))
    """Answers that blamed our configuration while other messages were accepted (domain.blame)."""
    error_code: Mapped[str | None] = mapped_column(String(32))
    error_detail: Mapped[str | None] = mapped_column(String(200))
    deleted_at: Mapped[datetime | None]
    provider: Mapped[str | None] = mapped_column(String(64))
    """By which it was last claimed to be sent; it does not change any more once the outcome of a call is unknown."""
    provider_reference: Mapped[str | None] = mapped_column(String(limits.REFERENCE_LENGTH))
    """The provider's own id of a message that it accepted."""
    segments: Mapped[int | None] = mapped_column(SmallInteger)
    """The number of SMS that the provider counted, where its answer says so."""


class MessageCall(Base):
    """One call to the provider for a message whose first call was not accepted (or may not have been: its worker died).

    The key begins with the mailing: rows go with it, and no other index is needed. `slot` bounds them: see storage.message_calls.
    """

    __tablename__ = "message_call"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id", ondelete="CASCADE"), primary_key=True)
    message_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    claim_no: Mapped[int] = mapped_column(Integer)
    attempt: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime]
    provider: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    error_code: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str | None] = mapped_column(String(200))
    milliseconds: Mapped[int | None]


class DoNotContact(Base):
    """A phone that an owner's mailings leave alone, whether or not there is a client with it."""

    __tablename__ = "do_not_contact"
    __table_args__ = (UniqueConstraint("owner_id", "phone"), Index("ix_do_not_contact_owner_id_id", "owner_id", "id"))

    id: Mapped[int] = _big_id()
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    phone: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(200), server_default=sql_text("''"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class OriginalRow(Base):
    """A row of mailingAPI, the Django project before this service, that was imported: another import leaves it alone."""

    __tablename__ = "original_row"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    original_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    row_id: Mapped[int] = mapped_column(BigInteger)


class DeletedTotal(Base):
    """How many messages of one status an owner's deleted mailings had: they stay in the statistics."""

    __tablename__ = "deleted_total"

    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    status: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    messages: Mapped[int] = mapped_column(BigInteger)


class DeletedPeriod(Base):
    """When the messages of deleted mailings were sent or planned, by quarter of an hour: the dashboard's last days keep them."""

    __tablename__ = "deleted_period"

    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    begins_at: Mapped[datetime] = mapped_column(primary_key=True)
    status: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    messages: Mapped[int] = mapped_column(BigInteger)


class IdempotencyKey(Base):
    """A POST that was made with an Idempotency-Key, and what it was answered (NULL: not answered yet, or broken off)."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_created_at", "created_at"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    method: Mapped[str] = mapped_column(String(8), primary_key=True)
    path: Mapped[str] = mapped_column(String(200), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    body_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None] = mapped_column(SmallInteger)
    answer: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LoginAttempt(Base):
    """A login that failed or is being checked. `subject` is a hash: people type passwords into the field for names."""

    __tablename__ = "login_attempt"
    __table_args__ = (Index("ix_login_attempt_subject_at", "subject", "at"), Index("ix_login_attempt_at", "at"))

    id: Mapped[int] = _big_id()
    subject: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class KnownPlace(Base):
    """A place from which a user has logged in: an address, or a browser by its cookie. Both are hashes, as in LoginAttempt."""

    __tablename__ = "known_place"
    __table_args__ = (Index("ix_known_place_seen_at", "seen_at"),)

    name: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    place: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    seen_at: Mapped[datetime]


class History(Base):
    """Who changed what, and when. Outlives what it tells of."""

    __tablename__ = "history"
    __table_args__ = (
        Index("ix_history_kind_object_id_id", "kind", "object_id", "id"),
        # How many test messages a user has sent lately.
        # What tells of a phone, for erasing it.
        Index(
            "ix_history_phone",
            sql_text("(changes -> 'phone')"),
            postgresql_using="gin",
            postgresql_where=sql_text("changes ? 'phone'"),
        ),
        Index("ix_history_test_sends", "user_id", "at", postgresql_where=sql_text("action = 'test_send'")),
    )

    id: Mapped[int] = _big_id()
    kind: Mapped[str] = mapped_column(String(16))
    object_id: Mapped[int] = mapped_column(BigInteger)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    username: Mapped[str] = mapped_column(String(150))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    action: Mapped[str] = mapped_column(String(32))
    changes: Mapped[dict[str, Any]] = mapped_column(server_default=sql_text("'{}'"))


class SecondFactor(Base):
    """The secret of a user's authenticator app, sealed for this user.

    It counts once a code has confirmed it; no code before `last_step` is taken again.
    """

    __tablename__ = "second_factor"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    secret: Mapped[str] = mapped_column(String(255))
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger, server_default=sql_text("0"))


class RecoveryCode(Base):
    """What logs a user in once without the app. Only its SHA-256 is stored."""

    __tablename__ = "recovery_code"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    code_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)


class SignOnIdentity(Base):
    """A user's identity at the OpenID Connect provider: the claim that a superuser prepared, and the subject once it has logged in."""

    __tablename__ = "sign_on_identity"
    __table_args__ = (
        UniqueConstraint("issuer", "claim"),
        UniqueConstraint("issuer", "subject"),
        CheckConstraint("claim IS NOT NULL OR subject IS NOT NULL", name="known_by_something"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    issuer: Mapped[str]
    claim: Mapped[str | None] = mapped_column(String(254))
    subject: Mapped[str | None] = mapped_column(String(255))
    linked_at: Mapped[datetime | None]


class SignOnState(Base):
    """The SHA-256 of a state that came back from the provider: none is taken twice. Dropped once its cookie would be too old."""

    __tablename__ = "sign_on_state"

    state_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    used_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ErasedPhone(Base):
    """The keyed hash of a phone whose person was erased, while something of the owner's still has to recognise it."""

    __tablename__ = "erased_phone"

    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    token: Mapped[str] = mapped_column(String(16), primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ErasureKey(Base):
    """The key of those hashes, for the owner of the tables alone."""

    __tablename__ = "erasure_key"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    key: Mapped[bytes] = mapped_column(LargeBinary)


class AuditEvent(Base):
    """A login, a refusal, a key, an export or an erasure. Only ever added to, and outlives users: no foreign keys."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_at", "at"),
        Index("ix_audit_event_address_at", "address", "at"),
        Index("ix_audit_event_user_id_id", "user_id", "id"),
        Index("ix_audit_event_event_id", "event", "id"),
    )

    id: Mapped[int] = _big_id()
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    event: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    username: Mapped[str] = mapped_column(String(150), server_default=sql_text("''"))
    token_id: Mapped[int | None] = mapped_column(BigInteger)
    address: Mapped[str] = mapped_column(String(64), server_default=sql_text("''"))
    details: Mapped[dict[str, Any]] = mapped_column(server_default=sql_text("'{}'"))


class Session(Base):
    """Someone logged in at the admin panel. Only the SHA-256 of what the cookie holds is stored."""

    __tablename__ = "session"

    id: Mapped[int] = _big_id()
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """To the minute: a session that is not used for long enough ends."""
    address: Mapped[str] = mapped_column(String(45), server_default=sql_text("''"))
    user_agent: Mapped[str] = mapped_column(String(200), server_default=sql_text("''"))


class Upload(Base):
    """A file that is being imported. It and all that belongs to it is deleted after a day."""

    __tablename__ = "upload"

    id: Mapped[int] = _big_id()
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    size: Mapped[int] = mapped_column(Integer)
    header: Mapped[list[Any] | None] = mapped_column(JSONB)
    rows: Mapped[int] = mapped_column(Integer, server_default=sql_text("0"))
    blank: Mapped[int] = mapped_column(Integer, server_default=sql_text("0"))
    sheet: Mapped[str | None]
    options: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class UploadPart(Base):
    """A slice of the file's bytes."""

    __tablename__ = "upload_part"

    upload_id: Mapped[int] = mapped_column(ForeignKey("upload.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class UploadChunk(Base):
    """Some rows of the file, what the preview said of them, and what the import did with them."""

    __tablename__ = "upload_chunk"

    upload_id: Mapped[int] = mapped_column(ForeignKey("upload.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    rows: Mapped[list[Any]] = mapped_column(JSONB)
    preview: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]


class UploadPhone(Base):
    """The first row of the file that a phone stands in."""

    __tablename__ = "upload_phone"

    upload_id: Mapped[int] = mapped_column(ForeignKey("upload.id", ondelete="CASCADE"), primary_key=True)
    phone: Mapped[str] = mapped_column(String(16), primary_key=True)
    row: Mapped[int] = mapped_column(Integer)
