"""Logs of ingress controllers: each line once, whatever breaks off, without secrets, and sorted by who wrote it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_api import FakeApi, pod, thing

from zdtrace.collectors.logs import is_of_controller
from zdtrace.collectors.recorder import Ingress, config_maps
from zdtrace.errors import UsageError

NOW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


def stamped(number: int, text: str) -> str:
    moment = NOW + timedelta(milliseconds=number)
    return f"{moment.strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z {text}"


def controller(name: str = "nginx-1") -> dict[str, Any]:
    found = pod(name, "ingress", containers=[{
        "name": "nginx", "image": "nginx/nginx-ingress:5.0",
        "args": ["-nginx-configmaps=$(POD_NAMESPACE)/nginx-config"],
    }])
    return {**found, "status": {"containerStatuses": [{"name": "nginx", "restartCount": 0, "state": {"running": {}}}]}}


def written(heard: Any, kind: str) -> list[str]:
    heard.journal.flush()
    path = heard.folder / "journal" / f"proxy.ingress.nginx-1.nginx.{kind}.log"
    return [line.split(" ", 1)[1] for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def test_lines_are_heard_once_through_cuts(fake: FakeApi, listen: Callable[..., Any]) -> None:
    fake.put("pods", controller())
    heard = listen(ingresses=(Ingress("ingress"),))
    # Two lines of one instant, and more of one second: an API server sends from a whole second on.
    fake.write_log("nginx-1", stamped(0, '{"n":0}'), stamped(0, '{"n":1}'), stamped(1, '{"n":2}'))
    heard.until(lambda: len(written(heard, "access")) == 3)
    fake.cut_logs()
    fake.write_log("nginx-1", stamped(1, '{"n":3}'), stamped(2, '{"n":4}'))
    heard.until(lambda: len(written(heard, "access")) == 5)
    assert written(heard, "access") == [f'{{"n":{number}}}' for number in range(5)]
    heard.until(lambda: len(heard.gaps("log of ingress/nginx-1 nginx")) == 1)
    assert heard.gaps("log of ingress/nginx-1 nginx")[0]["is_healed"], "it went on behind a line that is known"


def test_a_log_that_does_not_begin_with_what_is_known_may_have_lost_lines(
    fake: FakeApi, listen: Callable[..., Any]
) -> None:
    fake.put("pods", controller())
    heard = listen(ingresses=(Ingress("ingress"),))
    fake.write_log("nginx-1", stamped(0, '{"n":0}'))
    heard.until(lambda: len(written(heard, "access")) == 1)
    with fake.lock:
        fake.logs["nginx-1"].clear()  # rotated
        fake.cut_logs()
        fake.write_log("nginx-1", stamped(5, '{"n":5}'))
    heard.until(lambda: len(written(heard, "access")) == 2)
    assert [gap["is_healed"] for gap in heard.gaps("log of ingress/nginx-1 nginx")] == [False]


def test_a_pod_that_comes_later_is_followed(fake: FakeApi, listen: Callable[..., Any]) -> None:
    heard = listen(ingresses=(Ingress("ingress"),))
    fake.write_log("nginx-1", stamped(0, '{"n":0}'))
    fake.put("pods", controller())
    heard.until(lambda: written(heard, "access") == ['{"n":0}'])


def test_query_values_and_headers_never_reach_the_journal(fake: FakeApi, listen: Callable[..., Any]) -> None:
    fake.put("pods", controller())
    heard = listen(ingresses=(Ingress("ingress"),))
    fake.write_log(
        "nginx-1",
        stamped(0, '1.2.3.4 - - [24/Nov/2026:16:00:00 +0000] "GET /x?token=c4nary HTTP/1.1" 200 1 "-" "curl"'),
        stamped(1, "I1124 16:00:00.000001 1 main.go:1] Authorization: Bearer c4nary-c4nary"),
    )
    heard.until(lambda: written(heard, "access") and written(heard, "controller"))
    assert "c4nary" not in str(written(heard, "access") + written(heard, "controller"))
    assert '"GET /x?token=*** HTTP/1.1" 200' in written(heard, "access")[0]


def test_the_log_format_comes_from_the_config_map_that_the_arguments_name_and_its_changes_are_heard(
    fake: FakeApi, listen: Callable[..., Any]
) -> None:
    assert config_maps(controller()) == [("ingress", "nginx-config")]
    fake.put("pods", controller())
    settings = thing("ConfigMap", "nginx-config", "ingress", data={"log-format": "$msec", "other": "c4nary"})
    fake.put("configmaps", settings)
    fake.put("configmaps", thing("ConfigMap", "other", "ingress"))
    heard = listen(ingresses=(Ingress("ingress"),))
    heard.until(lambda: heard.names("ConfigMap"))
    fake.put("configmaps", settings)
    fake.put("configmaps", thing("ConfigMap", "other", "ingress"))
    heard.until(lambda: len(heard.versions("ConfigMap")) == 2)
    assert [event_type for event_type, _, _ in heard.versions("ConfigMap")] == ["LISTED", "MODIFIED"]
    assert heard.names("ConfigMap") == {"nginx-config"}
    assert "c4nary" not in str(heard.lines())


def test_what_replaced_a_controller_and_what_is_told_of_it_is_recorded(
    fake: FakeApi, listen: Callable[..., Any]
) -> None:
    fake.put("pods", controller())
    fake.put("replicasets", thing("ReplicaSet", "nginx", "ingress"))
    about = {"kind": "Pod", "namespace": "ingress", "name": "nginx-1"}
    fake.put("events", thing("Event", "nginx-1.17", "ingress", involvedObject=about, reason="RELOAD"))
    heard = listen(ingresses=(Ingress("ingress"),))
    heard.until(lambda: heard.names("Event") == {"nginx-1.17"})
    assert heard.names("ReplicaSet") == {"nginx"}


def test_other_namespaces_pods_are_recorded_too(fake: FakeApi, listen: Callable[..., Any]) -> None:
    fake.put("pods", controller())
    fake.put("services", thing("Service", "demo"))
    heard = listen(ingresses=(Ingress("ingress"),))
    heard.until(lambda: heard.names("Pod") == {"nginx-1"})


@pytest.mark.parametrize(("line", "is_so"), [
    ("I1124 16:00:00.000001       1 controller.go:1] Reloading nginx with configVersion: 4", True),
    ("2026/11/24 16:00:00 [error] 29#29: *1 connect() failed (111: Connection refused)", True),
    ('time=2026-11-24T16:00:00Z level=INFO msg="x"', True),
    ('{"time":"2026-11-24T16:00:00Z","level":"INFO","msg":"x"}', True),
    ("upstream default-demo {", True),
    ('{"msec":"1795541114.262","status":"200"}', False),
    ('1.2.3.4 - - [24/Nov/2026:16:00:00 +0000] "GET / HTTP/1.1" 200 1', False),
])
def test_who_wrote_a_line(line: str, is_so: bool) -> None:
    assert is_of_controller(line) is is_so


@pytest.mark.parametrize("text", ["", "/app=nginx", "a b", "../x"])
def test_what_is_no_namespace_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not understood"):
        Ingress.parsed(text)
