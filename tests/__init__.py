"""The tests, in the order of how much they need: unit (nothing), integration and api (PostgreSQL), e2e (the whole local stack)."""
