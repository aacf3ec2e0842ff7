"""Who is asking: tokens, passwords, the authorizer."""
