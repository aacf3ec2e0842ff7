"""Tags and names of users in one form, and texts whose dollar signs are read in pairs.

Tags of clients and mailings, and names of users, are rewritten as `domain.characters.canonical` writes them: without space around
them, in small letters. Two tags that become one are one. Two users never are: the later of two such names gets its id at its end.

Three or more dollar signs before a `{` meant all but one of them and a literal `{`; dollar signs there are now read in pairs, so
those texts are rewritten and send the same as before. What was rewritten is printed, by id.
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_DOLLARS = re.compile(r"\${3,}\{")


def upgrade() -> None:
    connection = op.get_bind()
    for table, column in (("client", "tags"), ("mailing", "filter_tags")):
        changed = _rewrite_tags(connection, table, column)
        if changed:
            print(f"{table}: {column} of {changed} rows written in small letters, without space around them")  # noqa: T201 - for whoever migrates
    _rewrite_usernames(connection)
    _rewrite_texts(connection)


def downgrade() -> None:
    """What was written in capital letters is not known any more; the texts are given their old form."""
    connection = op.get_bind()
    for row in connection.execute(sa.text("SELECT id, text FROM mailing WHERE text ~ '[$]{4,}[{]'")).all():
        text = re.sub(r"(?<!\$)((?:\$\$){2,})\{", lambda found: "$" * (len(found[1]) // 2 + 1) + "{", row.text)
        connection.execute(sa.text("UPDATE mailing SET text = :text WHERE id = :id"), {"id": row.id, "text": text})


def _rewrite_tags(connection: sa.Connection, table: str, column: str) -> int:
    """The distinct tags are few, however many rows there are: each is looked at once, and only rows that have an odd one are written."""
    tags = connection.execute(sa.text(f"SELECT DISTINCT unnest({column}) FROM {table}")).scalars().all()  # noqa: S608 - our names
    odd = {tag: _canonical(tag) for tag in tags if _canonical(tag) != tag}
    if not odd:
        return 0
    # The first of two tags that became one keeps its place; what nothing visible is left of is dropped.
    rewrite = sa.text(
        f"""
        UPDATE {table} t SET {column} = ARRAY(
          SELECT new FROM (
            SELECT coalesce(CAST(:odd AS jsonb) ->> old, old) AS new, min(place) AS place
            FROM unnest(t.{column}) WITH ORDINALITY AS u (old, place) GROUP BY 1) n
          WHERE new <> '' ORDER BY place)
        WHERE t.{column} && CAST(:names AS text[])
        """  # noqa: S608 - constants only
    ).bindparams(sa.bindparam("odd", type_=sa.JSON))
    return connection.execute(rewrite, {"odd": odd, "names": list(odd)}).rowcount


def _rewrite_usernames(connection: sa.Connection) -> None:
    changed: dict[int, str] = {}
    taken: set[str] = set()
    for row in connection.execute(sa.text('SELECT id, username FROM "user" ORDER BY id')).all():
        name = _canonical(row.username)[:150] or f"user-{row.id}"
        if name in taken:
            name = f"{name[:130]}-{row.id}"
            print(f"user {row.id}: another user has this name already; now {name!a}")  # noqa: T201 - for whoever migrates
        taken.add(name)
        if name != row.username:
            changed[row.id] = name
    rename = sa.text('UPDATE "user" SET username = :name WHERE id = :id')
    for user_id in changed:  # out of each other's way first: names are unique at every moment
        connection.execute(rename, {"id": user_id, "name": f"migrating {user_id}"})
    for user_id, name in changed.items():
        connection.execute(rename, {"id": user_id, "name": name})


def _rewrite_texts(connection: sa.Connection) -> None:
    for row in connection.execute(sa.text("SELECT id, text FROM mailing WHERE text ~ '[$]{3,}[{]' ORDER BY id")).all():
        text = _DOLLARS.sub(lambda found: "$" * (2 * (len(found[0]) - 2)) + "{", row.text)
        connection.execute(sa.text("UPDATE mailing SET text = :text WHERE id = :id"), {"id": row.id, "text": text})
        print(f"mailing {row.id}: dollar signs of the text written in pairs; it sends what it sent before")  # noqa: T201 - for whoever migrates


def _canonical(name: str) -> str:
    """`domain.characters.canonical` as it is at this revision."""
    for _ in range(3):
        name = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", _tidy(name)).lower().replace("i\u0307", "i"))
    return _tidy(name)


def _tidy(text: str) -> str:
    return " ".join(_INVISIBLE.sub("", text).split())
