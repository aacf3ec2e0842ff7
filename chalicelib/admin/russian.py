"""The words themselves."""

MESSAGES: dict[str, str] = {}
PLURALS: dict[tuple[str, str], tuple[str, str, str]] = {}
PATTERNS: tuple[tuple[str, str], ...] = ()
