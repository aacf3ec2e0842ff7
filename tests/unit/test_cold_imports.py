"""The chain of an import that a function should not make."""

from pathlib import Path

import pytest

from local import cold_imports


def test_a_chain_names_every_module_between(tmp_path: Path) -> None:
    (tmp_path / "begins.py").write_text("import between\n")
    (tmp_path / "between.py").write_text("import json\nfrom package import inner\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "inner.py").write_text("import heavy\n")
    (tmp_path / "heavy.py").write_text("import begins\n")
    imported = cold_imports.recorded(["begins"], tmp_path)
    assert cold_imports.chain(imported, "heavy") == "begins → between → package.inner → heavy"
    assert cold_imports.chain(imported, "begins") == "begins"
    assert "package.other" not in imported


def test_a_package_that_a_function_should_not_load_is_named_with_its_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = {"app": "__main__", "chalicelib.sending.handler": "__main__", "babel": "chalicelib.sending.handler"}
    loads = {"send_messages": {"pydantic"}}
    monkeypatch.setattr(cold_imports, "LOADS", loads)
    monkeypatch.setattr(cold_imports, "_imported_by", lambda _function: made_up)
    assert cold_imports.complaints().splitlines() == [
        "send_messages loads babel: chalicelib.sending.handler → babel",
        "send_messages does not load pydantic any more: local/functions.py",
    ]
