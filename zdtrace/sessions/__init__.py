"""One recording from its begin to its end: listeners, the load test, what is done meanwhile, and the closing."""
