"""Pictures: rows of the library in, an altair chart out. One file a picture, and its line in `PICTURES`."""

from __future__ import annotations

from zdtrace.charts import causes, dose, history, lanes, terminations
from zdtrace.charts.base import Picture

PICTURES: dict[str, Picture] = {
    "lanes": Picture("lanes", lanes.READS, lanes.draw),
    "terminations": Picture("terminations", terminations.READS, terminations.draw),
    "causes": Picture("causes", causes.READS, causes.draw),
    "dose": Picture("dose", dose.READS, dose.draw),
}
"""Every picture of one recording by its name, in the order of the report."""
HISTORY = Picture("history", history.READS, history.draw)
"""The picture of several recordings."""
