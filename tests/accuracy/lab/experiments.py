"""The experiments of the labelled corpus: how the demo runs, how it is reached, what is done to it and when.

Keys of an experiment (all optional but `does`):

does         list of (seconds after the load began, action); an action is a dict with `do`, see `record`
env          environment of the demo (tests/lab/apps/demo)
via          ingress (default) or service
tool         vegeta (default), fortio or hey
qps, seconds, connections, timeout, keepalive, path, method   the load
retry        whether nginx may try another pod (default no)
ids          nginx logs the ids that the client sends
nginx        more keys of the ingress controller's ConfigMap
replicas, readiness, liveness, prestop, grace, strategy, limits, affinity   the Deployment
holds        what is true of the whole experiment and no witness can tell: see `oracle`
"""

from __future__ import annotations

from typing import Any

RESTART = {"do": "restart"}
DRAIN = {"ON_TERM": "drain"}
IDS = True


def release(**env: str) -> dict[str, Any]:
    """A new version with another environment."""
    return {"do": "release", "env": env}


EXPERIMENTS: dict[str, dict[str, Any]] = {
    # sent to an ending pod
    "rollout-exit-ids": {"does": [(6, RESTART)], "ids": True, "readiness": True},
    "rollout-exit-fortio": {"does": [(6, RESTART)], "tool": "fortio", "readiness": True},
    "rollout-drain-slow-answers": {"does": [(6, RESTART)], "env": {"ON_TERM": "drain"}, "path": "?delay=60ms", "readiness": True},
    "rollout-exit-slow-answers": {"does": [(6, RESTART)], "path": "?delay=120ms", "readiness": True},
    "rollout-retry": {"does": [(6, RESTART)], "retry": True, "readiness": True},
    "rollout-service-kept": {"does": [(6, RESTART)], "via": "service", "readiness": True},
    "rollout-service-new": {"does": [(6, RESTART)], "via": "service", "keepalive": False, "readiness": True, "timeout": "4s"},
    "rollout-service-new-drain": {
        "does": [(6, RESTART)], "via": "service", "keepalive": False, "readiness": True, "env": DRAIN, "timeout": "4s",
    },
    "rollout-service-fortio": {"does": [(6, RESTART)], "via": "service", "readiness": True, "tool": "fortio", "timeout": "4s"},
    "scale-in": {"does": [(6, {"do": "scale", "replicas": 2})], "replicas": 5, "readiness": True},
    "scale-in-hpa": {"does": [(6, {"do": "hpa", "most": 2})], "replicas": 5, "readiness": True, "ids": True},
    "scale-in-service": {
        "does": [(6, {"do": "scale", "replicas": 2})], "replicas": 5, "via": "service", "keepalive": False, "readiness": True,
        "timeout": "4s",
    },
    "evict": {"does": [(6, {"do": "evict"}), (13, {"do": "evict"})], "readiness": True},
    "drain": {"does": [(6, {"do": "drain"}), (9, {"do": "uncordon"})], "readiness": True, "ids": True},
    "delete": {"does": [(6, {"do": "delete-pod"}), (13, {"do": "delete-pod"})], "readiness": True, "ids": True},
    "delete-service": {
        "does": [(6, {"do": "delete-pod"}), (13, {"do": "delete-pod"})], "readiness": True, "via": "service", "keepalive": False,
        "timeout": "4s",
    },
    "hook-failed": {"does": [(6, RESTART)], "readiness": True, "prestop": ["/bin/no-sleep-here", "10"]},
    "hook-failed-ids": {"does": [(6, {"do": "delete-pod"}), (13, {"do": "delete-pod"})], "readiness": True,
                        "prestop": ["/bin/no-sleep-here", "10"], "ids": True},
    "hook-stops-app": {"does": [(6, RESTART)], "readiness": True, "prestop": {"stop": True, "then": 4}},
    "hook-stops-app-ids": {"does": [(6, {"do": "delete-pod"}), (14, {"do": "delete-pod"})], "readiness": True,
                           "prestop": {"stop": True, "then": 4}, "ids": True},
    "hook-long-enough": {"does": [(6, RESTART)], "readiness": True, "prestop": ["sleep", "4"], "env": DRAIN},
    "hook-long-enough-service": {"does": [(6, RESTART)], "readiness": True, "prestop": ["sleep", "4"], "env": DRAIN,
                                 "via": "service", "keepalive": False},
    # killed at the end of the grace period
    "grace-too-short": {"does": [(10, RESTART)], "readiness": True, "grace": 3, "env": DRAIN, "path": "?delay=6s", "qps": 25,
                        "seconds": 35, "timeout": "20s"},
    "grace-too-short-ids": {"does": [(10, {"do": "delete-pod"})], "readiness": True, "grace": 2, "env": DRAIN, "ids": True,
                            "path": "?delay=5s", "qps": 25, "seconds": 25, "timeout": "20s"},
    "ignores-sigterm": {"does": [(6, RESTART)], "readiness": True, "grace": 4, "env": {"ON_TERM": "ignore"},
                        "path": "?delay=100ms", "seconds": 35},
    "ignores-sigterm-service": {"does": [(6, RESTART)], "readiness": True, "grace": 4, "env": {"ON_TERM": "ignore"},
                                "via": "service", "seconds": 35, "path": "?delay=50ms"},
    "hook-exceeds-grace": {"does": [(8, RESTART)], "readiness": True, "grace": 3, "prestop": ["sleep", "20"], "env": DRAIN,
                           "path": "?delay=6s", "qps": 25, "seconds": 35, "timeout": "20s"},
    "hook-exceeds-grace-ids": {"does": [(8, {"do": "delete-pod"})], "readiness": True, "grace": 3, "prestop": ["sleep", "20"],
                               "env": DRAIN, "path": "?delay=6s", "qps": 25, "seconds": 25, "timeout": "20s", "ids": True},
    # pod not ready yet
    "not-ready-yet": {"does": [(6, RESTART)], "env": {"START_DELAY": "2s", "ON_TERM": "drain"}},
    "not-ready-yet-service": {"does": [(6, RESTART)], "env": {"START_DELAY": "2s", "ON_TERM": "drain"}, "via": "service",
                              "keepalive": False, "timeout": "4s"},
    "not-ready-yet-scale-out": {"does": [(6, {"do": "scale", "replicas": 5})], "env": {"START_DELAY": "3s"}, "ids": True},
    "warm-up": {"does": [(6, RESTART)], "readiness": True, "env": {"WARM_UP": "3s", "WARM_UP_DELAY": "3s", "ON_TERM": "drain"},
                "timeout": "1s", "prestop": ["sleep", "5"], "seconds": 40, "holds": {"slow": "warmup_slow"}},
    "warm-up-service": {"does": [(6, RESTART)], "readiness": True, "via": "service", "prestop": ["sleep", "5"], "seconds": 40,
                        "env": {"WARM_UP": "3s", "WARM_UP_DELAY": "3s", "ON_TERM": "drain"}, "timeout": "1s",
                        "holds": {"slow": "warmup_slow"}},
    # no endpoints
    "no-endpoints": {"does": [(6, {"do": "delete-pod"})], "replicas": 1, "readiness": True, "env": {"READY_DELAY": "4s"}},
    "no-endpoints-ids": {"does": [(6, {"do": "scale", "replicas": 0}), (12, {"do": "scale", "replicas": 2})], "ids": True,
                         "readiness": True, "qps": 100},
    "no-endpoints-service": {"does": [(6, {"do": "delete-pod"})], "replicas": 1, "readiness": True, "via": "service",
                             "keepalive": False, "env": {"READY_DELAY": "3s"}, "timeout": "3s"},
    "recreate": {"does": [(6, RESTART)], "strategy": {"type": "Recreate"}, "readiness": True, "replicas": 2, "qps": 100},
    # crash, OOM, liveness kill
    "crash": {"does": [(6, {"do": "crash"}), (14, {"do": "crash"})], "readiness": True},
    "crash-ids": {"does": [(6, {"do": "crash"}), (10, {"do": "crash"})], "ids": True, "path": "?delay=80ms"},
    "crash-service": {"does": [(6, {"do": "crash"}), (14, {"do": "crash"})], "readiness": True, "via": "service", "keepalive": False,
                      "timeout": "4s"},
    "oom": {"does": [(4, {"do": "grow"}), (10, {"do": "grow"})], "limits": {"memory": "96Mi"}, "readiness": True, "path": "?delay=60ms"},
    "oom-service": {"does": [(4, {"do": "grow"}), (10, {"do": "grow"})], "limits": {"memory": "96Mi"}, "readiness": True, "via": "service",
                    "keepalive": False, "timeout": "4s", "path": "?delay=60ms"},
    "oom-ids": {"does": [(4, {"do": "grow"}), (10, {"do": "grow"})], "limits": {"memory": "96Mi"}, "ids": True, "path": "?delay=100ms"},
    "liveness-kill": {"does": [(3, {"do": "sicken"}), (9, {"do": "sicken"})], "readiness": True, "liveness": True, "path": "?delay=60ms",
                      "seconds": 20},
    "liveness-kill-service": {"does": [(3, {"do": "sicken"}), (9, {"do": "sicken"})], "readiness": True, "liveness": True, "via": "service",
                              "keepalive": False, "timeout": "4s", "seconds": 20, "path": "?delay=60ms"},
    "liveness-kill-ids": {"does": [(3, {"do": "sicken"}), (9, {"do": "sicken"})], "liveness": True, "ids": True, "path": "?delay=60ms",
                          "seconds": 20},
    # application
    "new-version-500": {"does": [(6, release(FAIL_CODE="500", FAIL_EVERY="5", ON_TERM="drain"))], "readiness": True,
                        "prestop": ["sleep", "3"], "qps": 150},
    "new-version-503-service": {"does": [(6, release(FAIL_CODE="503", FAIL_EVERY="5", ON_TERM="drain"))], "readiness": True,
                                "via": "service", "keepalive": False, "prestop": ["sleep", "3"], "qps": 150},
    "both-versions-500": {"does": [(8, RESTART)], "env": {"FAIL_CODE": "500", "FAIL_EVERY": "40", "ON_TERM": "drain"},
                          "readiness": True, "prestop": ["sleep", "3"], "ids": True},
    "both-versions-502-service": {"does": [(8, RESTART)], "via": "service", "keepalive": False, "readiness": True,
                                  "env": {"FAIL_CODE": "502", "FAIL_EVERY": "40", "ON_TERM": "drain"}, "prestop": ["sleep", "3"]},
    "both-versions-503": {"does": [(8, RESTART)], "env": {"FAIL_CODE": "503", "FAIL_EVERY": "40", "ON_TERM": "drain"},
                          "readiness": True, "prestop": ["sleep", "3"]},
    "overload": {"does": [(6, {"do": "scale", "replicas": 1})], "replicas": 4, "readiness": True, "path": "?delay=50ms",
                 "env": {"WORKERS": "6", "ON_TERM": "drain"}, "prestop": ["sleep", "3"], "timeout": "1s", "qps": 200,
                 "holds": {"slow": "overload_queueing"}},
    "overload-service": {"does": [(6, {"do": "scale", "replicas": 1})], "replicas": 4, "readiness": True, "path": "?delay=50ms",
                         "env": {"WORKERS": "6", "ON_TERM": "drain"}, "prestop": ["sleep", "3"], "timeout": "1s", "qps": 200,
                         "via": "service", "holds": {"slow": "overload_queueing"}},
    # client, network or proxy
    "client-timeout": {"does": [(8, RESTART)], "readiness": True, "env": {"ON_TERM": "drain", "SLOW_EVERY": "50", "SLOW": "8s"},
                       "prestop": ["sleep", "4"], "timeout": "4s", "holds": {"slow": "client_timeout"}},
    "client-timeout-ids": {"does": [(8, RESTART)], "readiness": True, "prestop": ["sleep", "4"], "timeout": "4s", "ids": True,
                           "env": {"ON_TERM": "drain", "SLOW_EVERY": "50", "SLOW": "8s"}, "holds": {"slow": "client_timeout"}},
    "keepalive-race": {"does": [(8, RESTART)], "readiness": True, "nginx": {"keepalive": "64", "max-fails": "0"}, "qps": 100, "connections": 20,
                       "tool": "fortio", "bursts": True, "path": "?delay=5ms", "prestop": ["sleep", "4"], "seconds": 40,
                       "env": {"IDLE_TIMEOUT": "195ms", "ON_TERM": "drain"}},
    "keepalive-race-client": {"does": [(20, RESTART)], "readiness": True, "via": "service", "qps": 5, "connections": 1, "seconds": 40,
                              "method": "POST", "prestop": ["sleep", "4"], "env": {"IDLE_TIMEOUT": "199ms", "ON_TERM": "drain"}},
    "truncated": {"does": [(8, RESTART)], "readiness": True, "env": {"TRUNCATE": "on", "FAIL_EVERY": "60", "ON_TERM": "drain"},
                  "prestop": ["sleep", "4"]},
    "truncated-service": {"does": [(8, RESTART)], "readiness": True, "via": "service", "prestop": ["sleep", "4"],
                          "env": {"TRUNCATE": "on", "FAIL_EVERY": "60", "ON_TERM": "drain"}, "keepalive": False},
    "network-fault": {"does": [(6, {"do": "drop", "seconds": 4}), (16, {"do": "drop", "seconds": 3})], "readiness": False,
                      "timeout": "2s", "qps": 100},
    "network-fault-service": {"does": [(6, {"do": "drop", "seconds": 4}), (16, {"do": "drop", "seconds": 3})], "qps": 100,
                              "via": "service", "keepalive": False, "timeout": "2s"},
    "rate-limit": {"does": [(8, RESTART)], "readiness": True, "prestop": ["sleep", "4"], "env": DRAIN,
                   "nginx": {"http-snippets": "limit_req_zone $server_name zone=all:1m rate=280r/s;",
                             "location-snippets": "limit_req zone=all burst=5 nodelay;"}},
    "rate-limit-429": {"does": [(8, RESTART)], "readiness": True, "prestop": ["sleep", "4"], "env": DRAIN, "ids": True,
                       "nginx": {"http-snippets": "limit_req_zone $server_name zone=all:1m rate=280r/s; limit_req_status 429;",
                                 "location-snippets": "limit_req zone=all burst=5 nodelay;"}},
    "route-switch-ingress": {"does": [(6, {"do": "route", "service": "nobody"}), (12, {"do": "route", "service": "demo"})],
                             "readiness": True, "qps": 100},
    "route-switch-selector": {"does": [(6, {"do": "select", "app": "nobody"}), (12, {"do": "select", "app": "demo"})],
                              "readiness": True, "qps": 100, "ids": True},
    "route-switch-selector-service": {"does": [(6, {"do": "select", "app": "nobody"}), (12, {"do": "select", "app": "demo"})],
                                      "readiness": True, "qps": 100, "via": "service", "keepalive": False, "timeout": "2s"},
    "ingress-restart": {"does": [(6, {"do": "restart-ingress"})], "readiness": True, "qps": 100, "seconds": 30},
    "ingress-restart-delete": {"does": [(6, {"do": "delete-ingress"})], "readiness": True, "qps": 100, "path": "?delay=40ms"},
    "reload-reset": {"does": [(6, {"do": "bystander"})], "readiness": True, "path": "?delay=3s", "qps": 40, "seconds": 25, "keepalive": False,
                     "nginx": {"main-snippets": "load_module modules/ngx_stream_module.so; worker_shutdown_timeout 1s;"},
                     "timeout": "10s"},
    "reload-reset-ids": {"does": [(6, {"do": "bystander"})], "readiness": True, "path": "?delay=2500ms", "qps": 40, "seconds": 25, "keepalive": False,
                         "nginx": {"main-snippets": "load_module modules/ngx_stream_module.so; worker_shutdown_timeout 1s;"},
                         "timeout": "10s", "ids": True},
    # mixed
    "mixed-crash-and-rollout": {"does": [(5, {"do": "crash"}), (11, RESTART)], "readiness": True, "ids": True},
    "mixed-500-and-lag": {"does": [(6, release(FAIL_CODE="500", FAIL_EVERY="20"))], "readiness": True, "qps": 200},
    "mixed-not-ready-and-lag": {"does": [(6, RESTART)], "env": {"START_DELAY": "1500ms"}},
    "mixed-cut-and-timeout": {"does": [(6, RESTART)], "readiness": True, "path": "?delay=100ms", "timeout": "4s",
                              "env": {"SLOW_EVERY": "60", "SLOW": "8s"}, "holds": {"slow": "client_timeout"}},
    "mixed-limit-and-lag": {"does": [(6, RESTART)], "readiness": True,
                            "nginx": {"http-snippets": "limit_req_zone $server_name zone=all:1m rate=280r/s;",
                                      "location-snippets": "limit_req zone=all burst=5 nodelay;"}},
    "mixed-oom-and-delete": {"does": [(3, {"do": "grow"}), (9, {"do": "delete-pod"})],
                             "limits": {"memory": "96Mi"}, "readiness": True},
    "mixed-service-crash-and-delete": {"does": [(5, {"do": "crash"}), (11, {"do": "delete-pod"})], "readiness": True,
                                       "via": "service", "keepalive": False, "timeout": "4s"},
    "mixed-fault-and-rollout": {"does": [(4, {"do": "drop", "seconds": 2}), (12, RESTART)], "readiness": True, "timeout": "2s"},
    # clean
    "clean-ids": {"does": [(6, RESTART)], "readiness": True, "prestop": ["sleep", "4"], "env": DRAIN, "ids": True},
    "clean-service-fortio": {"does": [(6, RESTART)], "readiness": True, "prestop": ["sleep", "4"], "env": DRAIN,
                             "via": "service", "tool": "fortio"},
    "clean-scale-in": {"does": [(6, {"do": "scale", "replicas": 2})], "replicas": 5, "readiness": True,
                       "prestop": ["sleep", "4"], "env": DRAIN},
}
