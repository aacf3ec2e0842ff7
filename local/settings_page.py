"""`make settings`: docs/settings.md, made of the fields and docstrings of `Settings` and of template.yaml's parameters."""

import ast
import inspect
import re
import sys
from typing import get_args

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from chalicelib.config import Settings
from local.settings import ROOT

PAGE = ROOT / "docs" / "settings.md"
_HEAD = """# Settings

Made from `chalicelib/config.py` by `make settings`; a test fails when they differ. A function reads them from its environment, once. Those
with a parameter are set when the stack is deployed: `make deploy PARAMETERS="TokenDays=7"`. The others are for a stage as a whole and stand
in `.chalice/config.json`; template.yaml sets the addresses of queues and schedules.

| setting | default | parameter | meaning |
|---|---|---|---|
"""


def docstrings() -> dict[str, str]:
    """The string that follows each field of `Settings`."""
    (owner,) = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(owner, ast.ClassDef)  # noqa: S101 - for the type checker
    found = {}
    for field, following in zip(owner.body, owner.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(following, ast.Expr):
            found[field.target.id] = " ".join(str(ast.literal_eval(following.value)).split())
    return found


def parameters() -> dict[str, str]:
    """Which parameter of template.yaml sets an environment variable."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    variables = text[text.index("      Variables:") : text.index("\nResources:")]
    known = set(re.findall(r"^  (\w+):\n    Type:", text[: text.index("\nMappings:")], re.MULTILINE))
    found = {}
    for name, value in re.findall(r"^        ([A-Z_]+): (.*)$", variables, re.MULTILINE):
        if named := [each for each in re.findall(r"\w+", value) if each in known and each != "Stage"]:
            found[name] = named[0]
    return found


def page() -> str:
    """The page as it is committed."""
    meanings, given = docstrings(), parameters()
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        if default is PydanticUndefined:
            shown = "needed"
        elif isinstance(default, SecretStr) or default in ("", None):
            shown = "—"
        else:
            shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
        choices = [str(each) for each in get_args(field.annotation) if isinstance(each, str)]
        allowed = f" One of: {', '.join(f'`{each}`' for each in choices)}." if choices else ""
        variable = name.upper()
        rows.append(f"| `{variable}` | {shown} | {given.get(variable, '')} | {meanings.get(name, '')}{allowed} |")
    return _HEAD + "\n".join(rows) + "\n"


def main() -> int:
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
