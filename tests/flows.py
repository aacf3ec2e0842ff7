"""Which files of the service a request or an event passes through."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from local.settings import ROOT

_OURS = (str(ROOT / "chalicelib"), str(ROOT / "app.py"))


@contextmanager
def files_passed() -> Iterator[list[str]]:
    """Collect the files whose functions are called meanwhile, in the order of their first calls, in every thread that starts here.

    What is imported meanwhile is not passed through: let the flow run once before.
    """
    passed: list[str] = []

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_name != "<module>" and frame.f_code.co_filename.startswith(_OURS):
            name = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
            if name not in passed:
                passed.append(name)

    before = sys.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield passed
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def require_at_most(files: int, flow: str, passed: list[str]) -> None:
    """Print the files of a flow, and fail if it passes through more than it did: whoever reads the flow has to open each of them."""
    listed = "\n  ".join([f"{flow}: {len(passed)} files", *passed])
    print(f"\n{listed}")
    assert len(passed) <= files, f"at most {files} were enough before; {listed}"
