"""What the documents name exists: files, headings, functions, tests, commands of make."""

import ast
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from local.settings import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
ADDRESS = re.compile(r"^[a-z]+:")
NAME = re.compile(r"`(?P<name>[A-Za-z_][\w.]*)(?:\(\))?`")
IN_CODE = re.compile(
    r"(?<![\w./-])(?P<path>(?:app\.py|(?:benchmarks|chalicelib|docs|local|migrations|tests|\.github)/[\w./-]*\w))"
)


def prose(path: Path) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


@cache
def defined(path: Path) -> frozenset[str]:
    """Every name that a module defines, also `Class.method`."""
    found: set[str] = set()

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            names: list[str] = []
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            found.update(f"{prefix}{name}" for name in names)
            if isinstance(node, ast.ClassDef):
                walk(node.body, f"{prefix}{node.name}.")

    walk(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return frozenset(found)


@cache
def anchors(path: Path) -> frozenset[str]:
    """The headings of a document, as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@cache
def names_of_tests() -> frozenset[str]:
    return frozenset(name.rpartition(".")[2] for path in (ROOT / "tests").rglob("*.py") for name in defined(path))


def problems_of_links(path: Path) -> list[str]:
    found = []
    for link in LINK.finditer(prose(path)):
        if ADDRESS.match(link["target"]):
            continue
        name, _, anchor = unquote(link["target"]).partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists():
            found.append(f"{link[0]}: there is no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            found.append(f"{link[0]}: there is no such heading")
        elif target.suffix == ".py" and (code := NAME.fullmatch(link["text"])) and code["name"] not in defined(target):
            found.append(f"{link[0]}: the file does not define it")
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_that_a_document_links_to_or_names_exists(path: Path) -> None:
    text = prose(path)
    paths = [place["path"] for code in re.findall(r"`([^`\n]+)`", text) for place in IN_CODE.finditer(code)]
    tests = re.findall(r"`(test_\w+)`", text)
    assert problems_of_links(path) == []
    assert [place for place in paths if not (ROOT / place).exists()] == []
    assert [name for name in tests if name not in names_of_tests() and name.removesuffix("_") == name] == []


def test_every_command_of_make_that_a_document_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    named = {
        (path.name, command)
        for path in DOCUMENTS
        for command in re.findall(r"(?:`|^\$ )make ([a-z][a-z0-9-]*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {(name, command) for name, command in named if command not in commands} == set()


@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        ("[`handle`](../chalicelib/admin/handler.py)", True),
        ("[`handle()`](../chalicelib/admin/handler.py)", True),
        ("[`World.run`](../tests/world.py)", True),
        ("[the handler](../chalicelib/admin/handler.py)", True),
        ("[`handel`](../chalicelib/admin/handler.py)", False),
        ("[`World.walk`](../tests/world.py)", False),
        ("[`handle`](../chalicelib/admin/handle.py)", False),
        ("[x](guarantees.md#the-twenty-cases)", True),
        ("[x](guarantees.md#the-twenty-one-cases)", False),
    ],
)
def test_what_counts_as_a_broken_link(text: str, is_good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", _reading(ROOT / "docs" / "made-up.md", text))
    assert (problems_of_links(ROOT / "docs" / "made-up.md") == []) is is_good


def _reading(made_up: Path, text: str):  # type: ignore[no-untyped-def]  # as Path.read_text
    original = Path.read_text
    return lambda path, *arguments, **named: text if path == made_up else original(path, *arguments, **named)
