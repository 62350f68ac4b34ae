"""From a recording to verdicts: the SQL library, the engine that runs it, the decisions made of its rows."""
