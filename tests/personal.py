"""Looking for a person in a whole database, and in what functions log."""

import gzip
import io
import json
import logging
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

from sqlalchemy import Engine, text

_TABLES = text(
    """
    SELECT c.table_name, array_agg(CAST(c.column_name AS text) ORDER BY c.ordinal_position) FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' GROUP BY c.table_name ORDER BY c.table_name
    """
)


def holding(owner_engine: Engine, traces: Iterable[str]) -> set[str]:
    """`table.column` of every column of every table of the database that holds one of these texts, however it is written there.

    Asked of the database itself: a table that is added is in here by itself.
    """
    written = {form for trace in traces for form in _forms(trace)}
    found = set()
    with owner_engine.connect() as connection:
        for table, columns in connection.execute(_TABLES).all():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')).mappings():
                found |= {
                    f"{table}.{name}" for name in columns if any(form in part for part in _parts(row[name]) for form in written)
                }
    return found


def _forms(trace: str) -> Iterator[str]:
    """As itself, inside JSON, inside an address, and as the panel's forms send it."""
    yield from (trace, json.dumps(trace)[1:-1], quote(trace), quote(trace, safe=""), trace.replace(" ", "+"))


def _parts(value: object) -> Iterator[str]:
    """A column's value as text; of bytes, what is packed in them, too."""
    if isinstance(value, bytes | memoryview):
        yield from _unpacked(bytes(value))
    elif isinstance(value, dict | list):
        yield json.dumps(value, ensure_ascii=False, default=str)
    elif value is not None:
        yield str(value)


def _unpacked(raw: bytes) -> Iterator[str]:
    for encoding in ("utf-8", "utf-16-le", "cp1251"):
        yield raw.decode(encoding, "replace")
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(raw)) as packed:
        for name in packed.namelist():
            yield packed.read(name).decode("utf-8", "replace")
    for unpack in (gzip.decompress, zlib.decompress):
        with suppress(OSError, EOFError, zlib.error):
            yield unpack(raw).decode("utf-8", "replace")


_PHONE = re.compile(r"(?<![\d.:-])\+?[1-9]\d{9,14}(?![\d.])")
_TOKEN = re.compile(r"mlg_\d+_\S{10}|(?<![\w-])[\w-]{43}(?![\w-])")
_TEXTS = text(
    """
    SELECT phone AS it FROM client
    UNION SELECT value FROM client, jsonb_each_text(CASE WHEN jsonb_typeof(attributes) = 'object' THEN attributes ELSE '{}' END)
    UNION SELECT text FROM mailing UNION SELECT phone FROM do_not_contact UNION SELECT reason FROM do_not_contact
    UNION SELECT username FROM "user"
    """
)
_OUR_WORDS = frozenset({"_aws", "time", "level", "event", "audit"})
_LENGTH_OF_AN_ID = 6
_SHORT = 5
"""A text of fewer characters is looked for as a whole value: `hello` may stand in another word."""


def told(line: str, texts: Iterable[str] = ()) -> set[str]:
    """What a line of a log tells of persons: phones, tokens, and these texts. Numbers of CloudWatch's metrics are none."""
    try:
        fields = json.loads(line)
    except ValueError:
        fields = {"line": line}
    if not isinstance(fields, dict):
        fields = {"line": fields}
    values = list(_values({name: value for name, value in fields.items() if name not in _OUR_WORDS}))
    found = {match[0] for value in values for pattern in (_PHONE, _TOKEN) for match in pattern.finditer(value)}
    return found | {
        each for each in texts if each and (each in values or (len(each) > _SHORT and any(each in it for it in values)))
    }


def _values(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            if not (str(name).endswith(("_id", "_ids")) and _are_ids(inner)):  # after a restore they are as long as phones
                yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)
    elif value is not None:
        yield str(value)


def _are_ids(value: object) -> bool:
    return all(type(each) is int for each in (value if isinstance(value, list) else [value]))


class _Lines(logging.Handler):
    """Keeps what is logged as it would be written."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def logged() -> Iterator[list[str]]:
    """The lines that functions log meanwhile, in the form in which they go to CloudWatch, and those of libraries."""
    events = logging.getLogger("mailing-api.events")
    own, others = _Lines(events.handlers[0].formatter or logging.Formatter()), _Lines(logging.Formatter())
    others.setLevel(logging.INFO)
    others.lines = own.lines
    events.addHandler(own)
    logging.getLogger().addHandler(others)
    try:
        yield own.lines
    finally:
        events.removeHandler(own)
        logging.getLogger().removeHandler(others)


def texts_of(owner_engine: Engine) -> list[str]:
    """What the database knows of persons, and what their users wrote."""
    with owner_engine.connect() as connection:
        found = [str(each) for each in connection.execute(_TEXTS).scalars()]
    return [each for each in found if len(each) > _LENGTH_OF_AN_ID or not each.isdigit()]
