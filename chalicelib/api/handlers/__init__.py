"""One function per operation: from a checked request to a use case and back to a schema."""
