"""A process's memory; imports nothing that would add to it."""

import resource
from pathlib import Path


def peak_megabytes() -> float:
    """The most memory that this process had."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss also remembers what the process that started this one had
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
