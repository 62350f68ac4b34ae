"""Live sources: what `zdtrace record` listens to. Each writes into the journal of a recording."""
