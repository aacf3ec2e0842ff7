"""Two values for one name are refused at every door, and the error names both places: no second value wins silently."""

import unicodedata
from typing import Any

import pytest

from chalicelib.domain.errors import FieldCode, InvalidInputError
from chalicelib.domain.table import parse_csv
from chalicelib.services import client_import, clients, uploads
from chalicelib.services.client_import import Options, Report, targets_of
from chalicelib.services.clients import NewClient
from tests.integration.test_client_import import upload
from tests.world import World

COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")
ALSO = "stands in the column attributes."


def take(world: World, header: str, row: str, targets: tuple[str, ...], *, apply: bool = True) -> Report:
    table = parse_csv(f"{header}\n{row}\n".encode())
    return client_import.take_table(world.engine, world.owner, table, Options(targets), apply=apply)


@pytest.mark.parametrize("apply", [False, True])
@pytest.mark.parametrize(
    ("header", "row", "column", "why"),
    [
        ("attributes", '"name = A\nb = 1\nname = B"', "attributes", "the attribute name stands in lines 1 and 3"),
        ("attributes", '"name = A\n\nname = A"', "attributes", "the attribute name stands in lines 1 and 3"),
        ("attributes", f'"{COMPOSED} = A\n{DECOMPOSED} = B"', "attributes", f"the attribute {DECOMPOSED} stands in lines 1 and 2"),
        ("Атрибуты,attributes.name", "name = A,B", "Атрибуты", f"the attribute name {ALSO}name, too"),
        ("attributes.name,attributes", "B,name = B", "attributes", f"the attribute name {ALSO}name, too"),
        (f"attributes,attributes.{DECOMPOSED}", f"{COMPOSED} = A,B", "attributes", f"the attribute {COMPOSED} {ALSO}{DECOMPOSED}, too"),
    ],
)  # fmt: skip
def test_an_attribute_with_two_values_refuses_its_row(
    world: World, header: str, row: str, column: str, why: str, apply: bool
) -> None:
    names = ["phone", "time_zone", *header.split(",")]
    report = take(world, ",".join(names), f"+79101234567,UTC,{row}", targets_of(names, "refuse"), apply=apply)
    assert (report.created, report.bad, report.rows) == (0, 1, 1)
    assert [(error.column, error.message) for error in report.errors] == [(column, f"{why}: give it once")]


@pytest.mark.parametrize("row", ["name = A,", ",A"])
def test_an_attribute_that_one_of_two_columns_gives_is_taken(world: World, row: str) -> None:
    targets = ("phone", "time_zone", "attributes", "attributes.name")
    assert take(world, "phone,time_zone,attributes,attributes.name", f"+79101234567,UTC,{row}", targets).created == 1


@pytest.mark.parametrize(
    ("header", "unknown", "both"),
    [
        (["phone", "time_zone", "город", "Город"], "attributes", "columns 3 (город) and 4 (Город) are both attributes.город"),
        (["phone", "time_zone", "City", "x", "city "], "attributes", "columns 3 (City) and 5 (city) are both attributes.city"),
        (["phone", "Телефон", "time_zone"], "leave_out", "columns 1 (phone) and 2 (Телефон) are both phone"),
        (["tags", "phone", "time_zone", "теги"], "refuse", "columns 1 (tags) and 4 (теги) are both tags"),
        (["phone", "tz", "time zone"], "attributes", "columns 2 (tz) and 3 (time zone) are both time_zone"),
    ],
)
def test_two_columns_of_one_name_are_both_named(world: World, header: list[str], unknown: str, both: str) -> None:
    table = parse_csv((",".join(header) + "\n" + ",".join("x" for _ in header)).encode())
    with pytest.raises(InvalidInputError) as refused:
        client_import.take_table(world.engine, world.owner, table, Options(targets_of(table.header, unknown)), apply=False)
    assert [error.field for error in refused.value.errors] == ["columns"]
    assert refused.value.errors[0].message.startswith(both)


def test_the_page_leaves_the_second_of_two_columns_out_and_remembers_neither(world: World) -> None:
    raw = "phone,time_zone,город,Город\n+79101234567,UTC,A,B\n".encode()
    first = upload(world, raw)
    uploads.read(world.engine, world.owner, first)
    with pytest.raises(InvalidInputError, match=r"columns 3 \(город\) and 4 \(Город\) are both attributes.город"):
        uploads.choose(world.engine, world.owner, first, Options(("phone", "time_zone", "attributes.город", "attributes.город")))
    uploads.choose(world.engine, world.owner, first, Options(("phone", "time_zone", "attributes.город", "")))
    second = upload(world, raw)
    assert uploads.read(world.engine, world.owner, second).suggested == ["phone", "time_zone", "", ""]
    uploads.choose(world.engine, world.owner, second, Options(("phone", "time_zone", "", "attributes.city")))


def test_names_that_differ_in_composition_alone_are_both_named(world: World) -> None:
    attributes: dict[str, Any] = {"x": 1, COMPOSED: "a", DECOMPOSED: "b"}
    with pytest.raises(InvalidInputError) as refused:
        clients.create(world.engine, world.owner, NewClient("+79101234567", "UTC", attributes=attributes))
    error = refused.value.errors[0]
    assert (error.field, error.code) == ("attributes", FieldCode.GIVEN_TWICE)
    assert error.message.startswith(f"the name {COMPOSED} is given twice, as 2 and 3")
