"""`make e2e` with an endpoint that is not there."""

import subprocess

import pytest

from local import aws, layers


def test_a_missing_endpoint_is_said_once_and_before_any_test(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = "http://127.0.0.1:4599"
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setattr(aws, "health", lambda *_: None)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a layer was begun"))
    assert layers.main(["e2e", "deployment"]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count(endpoint), said.err.count("\n")) == ("", 1, 1)
