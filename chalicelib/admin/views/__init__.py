"""The things that are listed, added, edited and deleted, one module each."""
