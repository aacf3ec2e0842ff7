"""Who may see what."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """The user on whose behalf a request is made."""

    user_id: int
    username: str
    is_superuser: bool

    @property
    def owner_filter(self) -> int | None:
        """The owner whose rows this user sees; None for a superuser, who sees all."""
        return None if self.is_superuser else self.user_id
