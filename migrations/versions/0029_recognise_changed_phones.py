"""Imports do not pay for the comparison with erased phones.

A statement that changed many clients compared all its old and new rows with each other, which have neither statistics nor an index: 20,000
clients took minutes. A trigger for rows asks each row itself, and is not called by statements that write neither phone nor owner. A
statement that added many clients computed the hash of each phone once for every erased phone; it now does so once.
"""

from importlib import import_module

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# With a given key it always gives the same, so that it is computed once for each phone and an index finds it.
_HASH = """
CREATE FUNCTION phone_token(key bytea, phone text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = {schema}, pg_temp AS $$
  SELECT '#' || left(translate(encode(sha256(key || convert_to(phone, 'UTF8')), 'base64'), '+/', '-_'), 15)
$$
"""
_ERASED_HASH = """
CREATE OR REPLACE FUNCTION erased_token(phone text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
  SELECT phone_token(erasure_key(), phone)
$$
"""
_PUT_BACK = """
CREATE FUNCTION put_phone_back(owner bigint, known text, phone_again text) RETURNS void LANGUAGE plpgsql
SET search_path = {schema}, pg_temp AS $$
BEGIN
  UPDATE message m SET phone = phone_again FROM mailing g
    WHERE g.owner_id = owner AND m.mailing_id = g.id AND m.phone = known
      AND NOT EXISTS (SELECT 1 FROM message o WHERE o.mailing_id = g.id AND o.phone = phone_again);
  IF EXISTS (SELECT 1 FROM do_not_contact d WHERE d.owner_id = owner AND d.phone = phone_again) THEN
    DELETE FROM do_not_contact d WHERE d.owner_id = owner AND d.phone = known;
  ELSE
    UPDATE do_not_contact d SET phone = phone_again WHERE d.owner_id = owner AND d.phone = known;
  END IF;
  DELETE FROM erased_phone e WHERE e.owner_id = owner AND e.token = known;
END $$
"""
_ADDED = """
CREATE OR REPLACE FUNCTION recognise_erased_phones() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {schema}, pg_temp AS $$
DECLARE
  found record;
  key bytea;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7105082);
  IF NOT EXISTS (SELECT 1 FROM erased_phone) THEN
    RETURN NULL;
  END IF;
  key := erasure_key();
  FOR found IN
    WITH hashed AS MATERIALIZED (SELECT owner_id, phone, phone_token(key, phone) AS token FROM added)
    SELECT h.owner_id, h.phone, h.token FROM hashed h JOIN erased_phone e ON e.owner_id = h.owner_id AND e.token = h.token
  LOOP
    PERFORM put_phone_back(found.owner_id, found.token, found.phone);
  END LOOP;
  RETURN NULL;
END $$
"""
_CHANGED = """
CREATE FUNCTION recognise_changed_phone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {schema}, pg_temp AS $$
DECLARE
  known text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7105082);
  known := erased_token(NEW.phone);
  IF EXISTS (SELECT 1 FROM erased_phone WHERE owner_id = NEW.owner_id AND token = known) THEN
    PERFORM put_phone_back(NEW.owner_id, known, NEW.phone);
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    for statement in (_HASH, _ERASED_HASH, _PUT_BACK, _CHANGED):
        op.execute(statement.format(schema=schema))
    op.execute("REVOKE ALL ON FUNCTION put_phone_back(bigint, text, text) FROM PUBLIC")
    op.execute("DROP TRIGGER recognise_changed ON client")
    op.execute(
        "CREATE TRIGGER recognise_changed AFTER UPDATE OF phone, owner_id ON client FOR EACH ROW"
        " WHEN ((OLD.phone, OLD.owner_id) IS DISTINCT FROM (NEW.phone, NEW.owner_id)) EXECUTE FUNCTION recognise_changed_phone()"
    )
    op.execute(_ADDED.format(schema=schema))


def downgrade() -> None:
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    before = import_module("migrations.versions.0013_erasure")
    for statement in (before._HASH, before._RECOGNISE):
        op.execute(statement.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    for function in ("erased_token(text)", "recognise_erased_phones()"):
        op.execute(f"ALTER FUNCTION {function} SET search_path = {schema}, pg_temp")
    op.execute("DROP TRIGGER recognise_changed ON client")
    op.execute(
        "CREATE TRIGGER recognise_changed AFTER UPDATE ON client REFERENCING OLD TABLE AS removed NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION recognise_erased_phones()"
    )
    for function in ("recognise_changed_phone()", "put_phone_back(bigint, text, text)", "phone_token(bytea, text)"):
        op.execute(f"DROP FUNCTION {function}")
