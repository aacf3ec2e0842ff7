"""Counts with their nouns, in English."""


def counted(number: float, one: str, many: str | None = None) -> str:
    """The number and the form of the noun that goes with it: `1 client`, `1,200 clients`, `1 entry`, `1.5 seconds`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
