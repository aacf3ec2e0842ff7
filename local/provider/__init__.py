"""A provider to send to: speaks the contract of the real one, fails on demand, and remembers every call."""
