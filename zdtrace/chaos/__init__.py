"""Experiments: what is done to a cluster on purpose, planned, guarded, journalled and undone."""
