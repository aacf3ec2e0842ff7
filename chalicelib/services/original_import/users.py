"""The original's users: names, rights and whether they are active."""

import secrets

from chalicelib.auth.passwords import hash_password
from chalicelib.domain.characters import canonical
from chalicelib.domain.limits import username_problems
from chalicelib.services.history import Kind
from chalicelib.services.original_import.job import ImportJob
from chalicelib.storage import original
from chalicelib.storage.models import User
from chalicelib.storage.paging import AnyRow


def take(job: ImportJob) -> None:
    """Import users; one whose name is here already is taken for the same person."""
    for page in job.pages("user"):
        known = original.imported(job.target, "user", [row.id for row in page])
        names = {row.id: canonical(row.username) for row in page}
        ours = original.users_with_names(job.target, set(names.values()))
        made: dict[int, int] = {}
        for row in page:
            name = names[row.id]
            if row.id in known:
                job.report.add("user", "there already")
            elif username_problems(name):
                job.left_out(
                    "user", row.id, "its name cannot be a username; neither are its clients, mailings and messages imported"
                )
            elif name in ours and ours[name][1]:
                job.left_out("user", row.id, "another user of the original has this name but for capital letters")
            elif name in ours:
                made[row.id] = ours[name][0]
                job.report.add("user", "the same name is there")
                why = f"is taken for our user {made[row.id]}, who has the same name and keeps password and rights"
                job.note("user", row.id, why)
            else:
                made[row.id] = _add(job, row, name)
            if row.id in made:
                ours[name] = made[row.id], True
        original.remember(job.target, "user", made)


def _add(job: ImportJob, row: AnyRow, name: str) -> int:
    values = {"username": name, "is_superuser": row.is_superuser, "is_active": row.is_active}
    # The original's password hashes are not taken over: the password is one that nobody knows.
    password_hash = hash_password(secrets.token_urlsafe(32))
    (user_id,) = original.add_all(job.target, User, [{**values, "password_hash": password_hash}])
    job.report.add("user", "imported")
    job.note("user", row.id, f"is our user {user_id} and needs a new password from a superuser")
    job.add_history(Kind.USER, user_id, user_id)
    return user_id
