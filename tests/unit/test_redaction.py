"""What must not get into a recording, and what must."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zdtrace.errors import UsageError
from zdtrace.recording.redaction import MAX_DEPTH, Policy, TooDeep, redact, redact_text

CANARY = "hunter2-canary"
Json = dict[str, Any]


def pod(**spec: Any) -> Json:
    container = {"name": "demo", "image": "demo:v1", **spec}
    return {"kind": "Pod", "metadata": {"name": "demo-1"}, "spec": {"containers": [container]}}


def container_of(found: Json) -> Json:
    first: Json = found["spec"]["containers"][0]
    return first


def test_a_value_of_env_is_masked_and_its_name_stays() -> None:
    clean = redact(pod(env=[{"name": "LEVEL", "value": "debug"}, {"name": "EMPTY", "value": ""}]))
    assert container_of(clean)["env"] == [{"name": "LEVEL", "value": "***"}, {"name": "EMPTY", "value": ""}]


def test_where_an_env_comes_from_is_no_secret() -> None:
    reference = {"secretKeyRef": {"name": "db", "key": "password"}}
    clean = redact(pod(env=[{"name": "DB_PASSWORD", "valueFrom": reference}]))
    assert container_of(clean)["env"] == [{"name": "DB_PASSWORD", "valueFrom": reference}]


def test_an_env_that_the_user_keeps_is_kept_and_its_neighbour_is_not() -> None:
    policy = Policy(keep=frozenset({"env:LEVEL"}))
    clean = redact(pod(env=[{"name": "LEVEL", "value": "info"}, {"name": "DSN", "value": CANARY}]), policy)
    assert container_of(clean)["env"] == [{"name": "LEVEL", "value": "info"}, {"name": "DSN", "value": "***"}]


def test_the_input_is_left_as_it_was() -> None:
    original = pod(env=[{"name": "A", "value": "b"}], args=["--token=x"])
    before = copy.deepcopy(original)
    redact(original, Policy(drop=frozenset({"spec.containers"})))
    assert original == before


def test_a_pre_stop_sleep_stays_readable() -> None:
    hooks = {"preStop": {"exec": {"command": ["/bin/sh", "-c", "sleep 10; nginx -s quit"]}}}
    clean = redact(pod(lifecycle=hooks, terminationGracePeriodSeconds=30))
    assert container_of(clean)["lifecycle"] == hooks
    assert container_of(clean)["terminationGracePeriodSeconds"] == 30


@pytest.mark.parametrize(
    ("words", "clean"),
    [
        (["--password=a b c", "--port=80"], ["--password=***", "--port=80"]),
        (["--api-token", CANARY, "--port", "80"], ["--api-token", "***", "--port", "80"]),
        (["--token-auth", "--port", "80"], ["--token-auth", "--port", "80"]),
        (["curl", "-u", "admin:hunter2", "http://a/b"], ["curl", "-u", "***", "http://a/b"]),
        (["postgres://app:hunter2@db/app?sslkey=x"], ["postgres://***@db/app?sslkey=***"]),
        (["sh", "-c", "DB_PASSWORD=x exec app"], ["sh", "-c", "DB_PASSWORD=*** exec app"]),
        (["sleep", "10"], ["sleep", "10"]),
    ],
)
def test_arguments_lose_credentials_and_nothing_else(words: list[str], clean: list[str]) -> None:
    assert container_of(redact(pod(args=words)))["args"] == clean


def test_the_log_format_in_a_config_map_is_evidence_and_the_rest_is_not() -> None:
    data = {"log-format-upstream": "$msec $status", "http-snippets": CANARY, "server": CANARY}
    clean = redact({"kind": "ConfigMap", "metadata": {"name": "nginx"}, "data": data})
    assert clean["data"] == {"log-format-upstream": "$msec $status", "http-snippets": "***", "server": "***"}


def test_a_key_of_one_config_map_may_be_kept() -> None:
    policy = Policy(keep=frozenset({"configmap:nginx/server"}))
    for name, value in (("nginx", "x"), ("other", "***")):
        clean = redact({"kind": "ConfigMap", "metadata": {"name": name}, "data": {"server": "x"}}, policy)
        assert clean["data"] == {"server": value}


def test_a_secret_named_like_a_log_format_is_still_a_secret() -> None:
    assert redact({"kind": "Secret", "data": {"log-format": CANARY}})["data"] == {"log-format": "***"}


def test_annotations_that_hold_whole_objects_are_dropped() -> None:
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "objectset.rio.cattle.io/applied": "H4sIAAAAAAAA/4yQ",
        "example.com/copy": '{"apiVersion": "v1", "kind": "Secret"}',
        "example.com/yaml": "kind: Secret\napiVersion: v1\n",
        "deployment.kubernetes.io/revision": "3",
        "nginx.ingress.kubernetes.io/proxy-next-upstream": "error timeout",
    }
    clean = redact({"kind": "Deployment", "metadata": {"annotations": annotations}})
    assert clean["metadata"]["annotations"] == {
        "deployment.kubernetes.io/revision": "3",
        "nginx.ingress.kubernetes.io/proxy-next-upstream": "error timeout",
    }


def test_labels_and_paths_are_dropped_when_asked_for() -> None:
    found = {
        "metadata": {"name": "demo", "labels": {"app": "x"}, "annotations": {"a": "b"}},
        "spec": {"containers": [{"name": "a", "image": "b"}, {"name": "c", "image": "d"}]},
    }
    words = {"labels", "spec.containers.image", "$.metadata.annotations"}
    clean = redact(found, Policy(drop=frozenset(words)))
    assert clean == {"metadata": {"name": "demo"}, "spec": {"containers": [{"name": "a"}, {"name": "c"}]}}


@pytest.mark.parametrize("word", ["LOG_LEVEL", "env:", "configmap:nginx", "secret:a/b"])
def test_a_keep_that_means_nothing_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="--keep"):
        Policy(keep=frozenset({word}))


@pytest.mark.parametrize("word", ["", "spec..a", "spec.containers[0]", "a b"])
def test_a_drop_that_means_nothing_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="--drop"):
        Policy(drop=frozenset({word}))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Back-off restarting failed container demo in pod demo-1", None),
        ('MountVolume.SetUp failed for volume "a" : secret "b" not found', None),
        ("Stopping container demo", None),
        ('Get "http://10.0.0.1/healthz?token=x": EOF', 'Get "http://10.0.0.1/healthz?token=***": EOF'),
        ("Authorization: Bearer abcdefgh", "Authorization: ***"),
        ("hook ([sh -c call --password=x -v]) failed", "hook ([sh -c call --password=*** -v]) failed"),
        ('{"env":[{"name":"A","value":"x"}]}', '{"env":[{"name":"A","value":"***"}]}'),
    ],
)
def test_messages_of_events_lose_credentials_and_keep_their_sense(text: str, clean: str | None) -> None:
    assert redact_text(text) == (text if clean is None else clean)


@pytest.mark.parametrize(
    "part", ["a", "key", "token ", "--key=", ";", "?a", "-u ", "://", "cookie ", "key\\", '"', "="]
)
def test_text_that_is_made_to_be_slow_is_not(part: str) -> None:
    """A quadratic rule would take hours for this."""
    text = part * (300_000 // len(part))
    started = time.perf_counter()
    redact(pod(args=[f"{text}!", f"--{text}!", f"key {text}!"]))
    assert time.perf_counter() - started < 20


def test_an_object_nested_without_end_is_an_error_and_no_crash() -> None:
    found: Json = {}
    for _ in range(MAX_DEPTH + 10):
        found = {"a": found}
    with pytest.raises(TooDeep):
        redact(found)


def workload(kind: str, template: Json) -> Json:
    spec: Json = {"template": template}
    return {"kind": kind, "spec": {"jobTemplate": {"spec": spec}} if kind == "CronJob" else spec}


PLACES: dict[str, Any] = {
    "env": lambda v: {"containers": [{"env": [{"name": "A", "value": v}]}]},
    "env of an init container": lambda v: {"initContainers": [{"env": [{"name": "A", "value": v}]}]},
    "env of an ephemeral container": lambda v: {
        "ephemeralContainers": [{"env": [{"name": "A", "value": v}]}]
    },
    "env as a map": lambda v: {"containers": [{"env": {"A": v}}]},
    "header of a probe": lambda v: {"containers": [
        {"readinessProbe": {"httpGet": {"path": "/", "httpHeaders": [{"name": "X", "value": v}]}}}
    ]},
    "header of a hook": lambda v: {"containers": [
        {"lifecycle": {"preStop": {"httpGet": {"httpHeaders": [{"name": "X", "value": v}]}}}}
    ]},
    "query of a probe": lambda v: {"containers": [{"livenessProbe": {"httpGet": {"path": f"/ok?t={v}"}}}]},
    "argument with =": lambda v: {"containers": [{"args": [f"--db-password={v}"]}]},
    "argument after its name": lambda v: {"containers": [{"command": ["app", "--secret-key", v]}]},
    "URL in an argument": lambda v: {"containers": [{"args": [f"--dsn=postgres://app:{v}@db/x"]}]},
    "script": lambda v: {"containers": [{"command": ["sh", "-c", f"export API_TOKEN='{v}'; run"]}]},
    "JSON in an argument": lambda v: {"containers": [{"args": [json.dumps({"password": v})]}]},
}
VALUES: dict[str, Any] = {
    "Secret": lambda v: {"kind": "Secret", "data": {"a": v}, "stringData": {"b": v}},
    "ConfigMap": lambda v: {"kind": "ConfigMap", "data": {"a": v}, "binaryData": {"b": v}},
    "list of Secrets": lambda v: {"kind": "List", "items": [{"kind": "Secret", "data": {"a": v}}]},
    "typed list": lambda v: {"kind": "SecretList", "items": [{"metadata": {}, "data": {"a": v}}]},
    "last applied": lambda v: {"metadata": {"annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": {"a": v}})}}},
    "annotation with an object": lambda v: {"metadata": {"annotations": {
        "x/y": json.dumps({"apiVersion": "v1", "spec": v})}}},
    "annotation with a container": lambda v: {"metadata": {"annotations": {
        "x/y": json.dumps([{"env": [{"name": "A", "value": v}]}])}}},
    "snippet": lambda v: {"metadata": {"annotations": {"nginx.org/server-snippets": f"set $x {v};"}}},
    "managed set": lambda v: {"metadata": {"managedFields": [
        {"fieldsV1": {"f:metadata": {"f:finalizers": {f'v:"{v}"': {}}}}}]}},
    "message": lambda v: {"kind": "Event", "message": f'Get "https://u:{v}@a/b?x={v}": EOF'},
    "route that sets a header": lambda v: {"spec": {"filters": [
        {"requestHeaderModifier": {"set": [{"name": "Authorization", "value": v}]}}]}},
    "field of a custom resource": lambda v: {"kind": "Broker", "spec": {"clientSecret": v, "api_key": v}},
}


@settings(max_examples=50)
@given(
    place=st.sampled_from(sorted(PLACES)),
    kind=st.sampled_from(["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"]),
    canary=st.from_regex(r"[A-Za-z0-9]{8,20}canary", fullmatch=True),
    is_listed=st.booleans(),
)
def test_no_secret_survives_in_any_pod_template(place: str, kind: str, canary: str, is_listed: bool) -> None:
    spec = PLACES[place](canary)
    found: Json = {"kind": kind, "spec": spec} if kind == "Pod" else workload(kind, {"spec": spec})
    if is_listed:
        found = {"kind": "List", "items": [found]}
    assert canary in json.dumps(found)
    assert canary not in json.dumps(redact(found))


@settings(max_examples=40)
@given(
    place=st.sampled_from(sorted(VALUES)), canary=st.from_regex(r"[A-Za-z0-9]{8,20}canary", fullmatch=True)
)
def test_no_secret_survives_anywhere_else(place: str, canary: str) -> None:
    found = VALUES[place](canary)
    assert canary in json.dumps(found)
    assert canary not in json.dumps(redact(found))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["env", "args", "annotations", "data", "kind", "fieldsV1", "items", "name", "value"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)


@settings(max_examples=50)
@given(found=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_an_object_of_any_shape_is_redacted_without_error_and_only_once(found: Json) -> None:
    clean = redact(found)
    assert redact(clean) == clean


@pytest.mark.parametrize(
    ("words", "clean"),
    [
        (["--pass", CANARY], ["--pass", "***"]),
        (["--db-pass=" + CANARY], ["--db-pass=***"]),
        (["mysql", "-p" + CANARY], ["mysql", "-p***"]),
        (["mongo", "-p", CANARY], ["mongo", "-p", "***"]),
        (["sh", "-c", f"DB_PASS={CANARY} run"], ["sh", "-c", "DB_PASS=*** run"]),
        (["sh", "-c", f"mysql -p{CANARY} -e quit"], ["sh", "-c", "mysql -p*** -e quit"]),
        (["ssh", "-p", "22", "-p8022"], ["ssh", "-p", "22", "-p8022"]),
        (["sh", "-c", "mkdir -p /data; bypass; sleep 5"], ["sh", "-c", "mkdir -p /data; bypass; sleep 5"]),
        (["-path=/healthz", "--ssl-passthrough"], ["-path=/healthz", "--ssl-passthrough"]),
    ],
)
def test_a_password_by_its_short_name_is_masked_and_a_port_is_not(words: list[str], clean: list[str]) -> None:
    assert container_of(redact(pod(args=words)))["args"] == clean


@pytest.mark.parametrize("name", ["extraEnv", "envVars", "extraEnvVars", "environment", "env"])
def test_what_custom_resources_call_their_environment_is_masked(name: str) -> None:
    found = {"kind": "Runner", "spec": {name: [{"name": "A", "value": CANARY}], "envFrom": [{"prefix": "P"}]}}
    assert redact(found)["spec"] == {name: [{"name": "A", "value": "***"}], "envFrom": [{"prefix": "P"}]}


@pytest.mark.parametrize("kind", ["SealedSecret", "ExternalSecret"])
def test_what_becomes_a_secret_is_masked_too(kind: str) -> None:
    target = {"template": {"data": {"c": CANARY}}}
    spec = {"encryptedData": {"a": CANARY}, "template": {"data": {"b": CANARY}}, "target": target}
    clean = json.dumps(redact({"kind": kind, "spec": spec}))
    assert CANARY not in clean
    assert all(f'"{key}": "***"' in clean for key in "abc")


@pytest.mark.parametrize(
    "yaml",
    [
        f"env:\n- name: A\n  value: {CANARY}\nimage: demo:v1",
        f"spec:\n  env:\n    - {{name: DB, value: {CANARY}}}\nimage: demo:v1",
        f"env:\n  A: {CANARY}\nimage: demo:v1",
        f"extraEnvVars:\n  - name: A\n    value: |\n      {CANARY}\nimage: demo:v1",
    ],
)
def test_an_environment_written_as_yaml_is_masked_and_what_follows_is_not(yaml: str) -> None:
    clean = redact({"metadata": {"annotations": {"values": yaml}}})["metadata"]["annotations"]["values"]
    assert CANARY not in clean
    assert clean.endswith("image: demo:v1")
    assert len(clean.splitlines()) == len(yaml.splitlines())
