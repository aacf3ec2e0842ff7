"""What is remembered of the columns of files."""

import pytest

from chalicelib.domain import columns


@pytest.mark.parametrize("cell", ["+79101234567", "8 (910) 123-45-67", "910-123-456", "tel. 0049 30 1234567"])
def test_nothing_is_remembered_of_a_file_without_a_header(cell: str) -> None:
    """Its first client would stay as the names of columns."""
    assert columns.remembered([cell, "Ermengarde"], ["phone", "attributes.name"]) == {}
    assert columns.remembered(["Phone 2", "Q3 2026", "Имя"], ["phone", "", "attributes.name"]) != {}
