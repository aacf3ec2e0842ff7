"""What bodies, queries and answers look like: the form of each field. What the fields mean is checked by the services."""
