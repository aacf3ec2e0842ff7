"""Every suppressed warning says why. Ruff (PGH003, PGH004, RUF100) and mypy hold that it names its rule and is needed."""

import io
import re
import tokenize
from pathlib import Path

import pytest

from local.package import ROOT

FOLDERS = ("benchmarks", "chalicelib", "docs", "local", "migrations", "tests")
SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma|nosec|pyright|mypy):?", re.IGNORECASE)
WITH_REASON = re.compile(
    r"(?:noqa: [A-Z]+[0-9]+(?:, [A-Z]+[0-9]+)* - |type: ignore\[[a-z, -]+\]  # )(?!noqa|type:|fmt:)(?=\S)[^#]{4,}", re.IGNORECASE
)


def files() -> list[Path]:
    return [ROOT / "app.py", *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))]


def unexplained(source: str) -> list[str]:
    """The comments that suppress a warning without a reason."""
    comments = [
        token.string for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type == tokenize.COMMENT
    ]
    # One comment may hold several suppressions, each with its reason.
    return [comment for comment in comments if len(SUPPRESSION.findall(comment)) > len(WITH_REASON.findall(comment))]


def test_every_suppression_in_the_code_has_a_reason() -> None:
    found = [f"{path.relative_to(ROOT)}: {comment}" for path in files() for comment in unexplained(path.read_text())]
    assert found == [], "write `# noqa: CODE - why` or `# type: ignore[code]  # why`"


@pytest.mark.parametrize(
    ("comment", "is_explained"),
    [
        ("# noqa: S608 - constants only", True),
        ("# noqa: DTZ001, DTZ901 - wall times", True),
        ("# type: ignore[arg-type]  # fields by name", True),
        ("# type: ignore[attr-defined]  # no public name  # noqa: S606 - restarts itself", True),
        ("# noqa", False),
        ("# noqa: S608", False),
        ("# noqa: S608 -", False),
        ("# noqa: S608 - x", False),
        ("# type: ignore", False),
        ("# type: ignore[arg-type]", False),
        ("# type: ignore[arg-type]  # noqa: S606", False),
        ("# type: ignore[arg-type]  # noqa: S606 - restarts itself", False),
        ("# type: ignore[arg-type]  # fields by name  # noqa: S606", False),
        ("# pragma: no cover", False),
        ("# an ordinary comment", True),
    ],
)
def test_what_counts_as_a_reason(comment: str, is_explained: bool) -> None:
    assert (unexplained(f"x = 1  {comment}\n") == []) is is_explained


@pytest.mark.parametrize("table", ["per-file-ignores", "mypy.overrides"])
def test_every_relaxed_rule_in_pyproject_has_a_reason(table: str) -> None:
    sections = re.split(r"^(?=\[)", (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    lines = [line for section in sections if table in section.split("]")[0] for line in section.splitlines()]
    relaxed = [line for line in lines if re.match(r'"|\w+ = (?:true|false)', line)]
    assert relaxed
    unexplained_lines = [line for line in relaxed if not re.search(r"# \S.{8,}", line) and not line.startswith("module")]
    assert unexplained_lines == []
