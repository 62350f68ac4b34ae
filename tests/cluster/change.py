"""Changes every object of a collection in turn, so many times a second, until a signal ends it.

    change.py KUBECONFIG PATH RATE
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from itertools import count, cycle
from pathlib import Path

from raw_watch import connected


def main() -> None:
    kubeconfig, path, rate = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    connection, headers = connected(kubeconfig)
    connection.request("GET", path, headers=headers)
    names = [each["metadata"]["name"] for each in json.loads(connection.getresponse().read())["items"]]
    headers["Content-Type"] = "application/merge-patch+json"
    began = time.monotonic()
    for number, name in zip(count(), cycle(names)):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        patch = {"metadata": {"annotations": {"zdtrace.test/change": str(number)}}}
        try:
            connection.request("PATCH", f"{path}/{name}", json.dumps(patch), headers)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection, _ = connected(kubeconfig)


if __name__ == "__main__":
    main()
