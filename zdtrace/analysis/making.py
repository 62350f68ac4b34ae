"""Making the queries of an analysis, each after what it stands on, tables beside each other.

DuckDB plans a statement on one thread, and most of these tables are so small that planning is most of the work.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

from zdtrace.analysis.catalog import Query, stands_on

_WORKERS = min(4, os.cpu_count() or 1)


class Maker(Protocol):
    """Makes one query, when all that it stands on is there."""

    def takes_time(self, query: Query) -> bool:
        """Tell whether to make it beside others."""

    def create(self, query: Query) -> None:
        """Make, in this thread, what takes no time or asks for more queries on its own."""

    def create_beside(self, query: Query) -> None:
        """Make a table in any thread."""


def make_all(queries: Iterable[Query], made: set[str], maker: Maker) -> None:
    """Make `queries`, which are in order, and add their names to `made`.

    Raises what the maker raises, after the others have ended.
    """
    waiting = {query.full_name: query for query in queries}
    running: dict[Future[None], Query] = {}
    with ThreadPoolExecutor(_WORKERS) as pool:
        while waiting or running:
            for query in list(waiting.values()):
                if query.full_name in made:
                    del waiting[query.full_name]
                elif _is_ready(query, made) and not (query.is_solved and running):
                    del waiting[query.full_name]
                    if maker.takes_time(query):
                        running[pool.submit(maker.create_beside, query)] = query
                    else:
                        maker.create(query)
                        made.add(query.full_name)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                made.add(running.pop(future).full_name)
                future.result()


def _is_ready(query: Query, made: set[str]) -> bool:
    return stands_on(query) <= made
