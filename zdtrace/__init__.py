"""Why did these requests fail while Kubernetes replaced my pods, and what would have prevented it?

Importing this package costs almost nothing: duckdb, polars, altair and kubernetes are imported by the
functions that use them.
"""

__version__ = "0.1.0"
