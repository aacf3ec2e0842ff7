"""Which clients a mailing is for."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """Any of the operator codes and any of the tags; an empty list asks for nothing."""

    operator_codes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def matches(self, operator_code: str, tags: Collection[str]) -> bool:
        """Is a client with this operator code and these tags selected? The statement that plans says the same in SQL."""
        by_code = not self.operator_codes or operator_code in self.operator_codes
        by_tag = not self.tags or any(tag in tags for tag in self.tags)
        return by_code and by_tag
