"""Pages that are no lists."""
