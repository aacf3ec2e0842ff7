"""mailing-api: every selected client gets one message, in the client's own local time."""
