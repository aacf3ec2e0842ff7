"""What the local stack says when something cannot be done: one clear sentence, never a traceback."""


class LocalError(Exception):
    """A step failed in a way that its text explains, with what to do about it."""
