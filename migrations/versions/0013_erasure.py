"""Persons can be erased by phone: what remembers an erased phone by a keyed hash, and what recognises it.

The key lives in the database, where only the owner of the tables reads it: the functions' own role can ask for the hash of a phone, and
cannot compute it elsewhere. A phone that an owner gives to a client again is put back where its hash stands, so that the unique key of
messages refuses a second message, and an opt-out holds, whatever wrote the client.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_KEY = """
CREATE FUNCTION erasure_key() RETURNS bytea LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE found bytea;
BEGIN
  SELECT key INTO found FROM erasure_key;
  IF found IS NULL THEN
    INSERT INTO erasure_key (id, key) VALUES (1, sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')))
    ON CONFLICT DO NOTHING;
    SELECT key INTO found FROM erasure_key;
  END IF;
  RETURN found;
END $$
"""
# As long as a phone may be, and nothing that a phone can be.
_HASH = """
CREATE FUNCTION erased_token(phone text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT '#' || left(translate(encode(sha256(erasure_key() || convert_to(phone, 'UTF8')), 'base64'), '+/', '-_'), 15)
$$
"""
# Erasures and writers of clients take the lock 7105082, these shared: a client that is being added while its phone is erased is
# either erased, or sees what the erasure left.
_RECOGNISE = """
CREATE FUNCTION recognise_erased_phones() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE known record;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NOT EXISTS (
      SELECT 1 FROM added a JOIN removed r ON r.id = a.id WHERE (a.phone, a.owner_id) IS DISTINCT FROM (r.phone, r.owner_id)
    ) THEN
      RETURN NULL;
    END IF;
  END IF;
  PERFORM pg_advisory_xact_lock_shared(7105082);
  IF NOT EXISTS (SELECT 1 FROM erased_phone) THEN
    RETURN NULL;
  END IF;
  FOR known IN
    SELECT e.owner_id, a.phone, e.token FROM (SELECT DISTINCT owner_id, phone FROM added) a
    JOIN erased_phone e ON e.owner_id = a.owner_id AND e.token = erased_token(a.phone)
  LOOP
    UPDATE message m SET phone = known.phone FROM mailing g
      WHERE g.owner_id = known.owner_id AND m.mailing_id = g.id AND m.phone = known.token
        AND NOT EXISTS (SELECT 1 FROM message o WHERE o.mailing_id = g.id AND o.phone = known.phone);
    IF EXISTS (SELECT 1 FROM do_not_contact d WHERE d.owner_id = known.owner_id AND d.phone = known.phone) THEN
      DELETE FROM do_not_contact d WHERE d.owner_id = known.owner_id AND d.phone = known.token;
    ELSE
      UPDATE do_not_contact d SET phone = known.phone WHERE d.owner_id = known.owner_id AND d.phone = known.token;
    END IF;
    DELETE FROM erased_phone e WHERE e.owner_id = known.owner_id AND e.token = known.token;
  END LOOP;
  RETURN NULL;
END $$
"""
# The functions' own role may only add to the history: values are taken out of it here, and nothing else.
_HISTORY = """
CREATE FUNCTION erase_history(owner bigint, client_ids bigint[], phones text[]) RETURNS bigint LANGUAGE sql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
  WITH erased AS (
    UPDATE history SET changes = '{}'
    WHERE changes <> '{}' AND (owner IS NULL OR owner_id = owner)
      AND ((kind = 'client' AND object_id = ANY(client_ids)) OR (changes -> 'phone') ?| phones)
    RETURNING 1
  ) SELECT count(*) FROM erased
$$
"""


def upgrade() -> None:
    op.create_table(
        "erasure_key",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasure_key"),
        sa.CheckConstraint("id = 1", name="ck_erasure_key_one"),
    )
    op.create_table(
        "erased_phone",
        sa.Column(
            "owner_id", sa.BigInteger(), sa.ForeignKey("user.id", name="fk_erased_phone_owner_id_user", ondelete="CASCADE")
        ),
        sa.Column("token", sa.String(length=16), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "token", name="pk_erased_phone"),
    )
    op.create_index(
        "ix_history_phone",
        "history",
        [sa.text("(changes -> 'phone')")],
        postgresql_using="gin",
        postgresql_where=sa.text("changes ? 'phone'"),
    )
    for statement in (_KEY, _HASH, _RECOGNISE, _HISTORY):
        op.execute(statement)
    op.execute("REVOKE ALL ON FUNCTION erasure_key() FROM PUBLIC")
    op.execute(
        "CREATE TRIGGER recognise_added AFTER INSERT ON client REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION recognise_erased_phones()"
    )
    op.execute(
        "CREATE TRIGGER recognise_changed AFTER UPDATE ON client REFERENCING OLD TABLE AS removed NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION recognise_erased_phones()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER recognise_changed ON client")
    op.execute("DROP TRIGGER recognise_added ON client")
    op.execute("DROP FUNCTION erase_history(bigint, bigint[], text[])")
    op.execute("DROP FUNCTION recognise_erased_phones()")
    op.execute("DROP FUNCTION erased_token(text)")
    op.execute("DROP FUNCTION erasure_key()")
    op.drop_index("ix_history_phone", "history")
    op.drop_table("erased_phone")
    op.drop_table("erasure_key")
