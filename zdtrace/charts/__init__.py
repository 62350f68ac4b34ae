"""Pictures: rows in, Vega-Lite out; drawn ahead by altair. One file a picture, and its line in `PICTURES`."""

from __future__ import annotations

from zdtrace.charts import causes, dose, history, lanes, terminations
from zdtrace.charts.base import Picture

PICTURES: dict[str, Picture] = {
    "lanes": Picture("lanes", lanes.READS, lanes.draw, lanes.fill),
    "terminations": Picture("terminations", terminations.READS, terminations.draw, terminations.fill),
    "causes": Picture("causes", causes.READS, causes.draw, causes.fill),
    "dose": Picture("dose", dose.READS, dose.draw, dose.fill),
}
"""Every picture of one recording by its name, in the order of the report."""
HISTORY = Picture("history", history.READS, history.draw, history.fill)
"""The picture of several recordings."""
