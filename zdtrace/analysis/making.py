"""Making the queries of an analysis, each after what it stands on, tables beside each other.

DuckDB plans a statement on one thread, and most of these tables are so small that planning is most of the work.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from zdtrace.analysis.catalog import Query, stands_on

Create = Callable[[Query], None]
_WORKERS = min(4, os.cpu_count() or 1)


def make_all(queries: Iterable[Query], made: set[str], create: Create, create_beside: Create) -> None:
    """Make `queries`, which are in order, and add their names to `made`.

    `create` makes, in this thread, what takes no time or asks for more queries on its own; `create_beside` makes a
    table in any thread. Raises what they raise, after the others have ended.
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
                    if query.is_table:
                        running[pool.submit(create_beside, query)] = query
                    else:
                        create(query)
                        made.add(query.full_name)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                made.add(running.pop(future).full_name)
                future.result()


def _is_ready(query: Query, made: set[str]) -> bool:
    return stands_on(query) <= made
