"""Runs of a mailing (plan, dispatch, chain), and reconcile."""
