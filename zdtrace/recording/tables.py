"""The tables of a recording: every column, its type, its unit, one sentence.

This is the one place where the schema is written down. The writer puts the sentences into the Parquet files,
the reader makes empty tables from it, the reference pages are generated from it.

Instants are whole nanoseconds since 1970 UTC in BIGINT columns that end in `_ns`: Parquet's and DuckDB's own
timestamps with time zone stop at microseconds. Where a source is coarser than that, the instant is the
*earliest* that the written value allows and `…_resolution_ns` says how much later it may have been.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One recorded column. `type` is a DuckDB type; the sentence says unit and meaning of null."""

    name: str
    type: str
    doc: str


@dataclass(frozen=True, slots=True)
class Table:
    """One recorded table. Rows of each file are in the order of their source; `dated_by` places them in time."""

    name: str
    doc: str
    dated_by: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def ddl(self) -> str:
        """The columns as DuckDB writes them in `create table`."""
        return ", ".join(f"{column.name} {column.type}" for column in self.columns)


def _table(name: str, doc: str, dated_by: str, *columns: tuple[str, str, str]) -> Table:
    every = (
        ("source_id", "INTEGER", "Which source of the manifest the row came from."),
        ("line", "BIGINT", "Where it stands in that source: line number of a text file, from 1; else the record's number."),
    )
    return Table(name, doc, dated_by, tuple(Column(*each) for each in (*every, *columns)))


REQUESTS = _table(
    "requests",
    "What a load test or another client sent, one row a request.",
    "started_at_ns",
    ("started_at_ns", "BIGINT", "Start of the request on the client's clock, ns since 1970 UTC."),
    ("ended_at_ns", "BIGINT", "End of the request on the client's clock: last byte, or the error; ns since 1970 UTC."),
    ("resolution_ns", "BIGINT", "How much later than written the instants may be, ns: what the tool rounds off."),
    ("status", "INTEGER", "Status code of the response (HTTP; gRPC is mapped to HTTP); null when there was none."),
    ("error", "VARCHAR", "The tool's own words for what went wrong, URLs redacted; null when it saw no error."),
    ("is_truncated", "BOOLEAN", "The response's body was cut short, whatever its status; null when the tool cannot tell."),
    ("method", "VARCHAR", "HTTP method; null when not logged."),
    ("url", "VARCHAR", "URL or path with its query values masked; null when not logged."),
    ("correlation_id", "VARCHAR", "Request id that client and proxy share (X-Request-ID, attack/sequence); null when none."),
    ("thread", "VARCHAR", "The tool's worker: thread, user, connection; null when not logged."),
    ("pod_name", "VARCHAR", "Pod that answered, as its response said (X-Pod and the like); null when it did not."),
    ("is_retried", "BOOLEAN", "The client itself retried under this row; null when not known."),
    ("intended_at_ns", "BIGINT", "When the request was to be sent, client's clock, ns since 1970 UTC; null when not logged."),
    ("is_connection_reused", "BOOLEAN", "It was sent on a connection that had served before; null when not logged."),
)

CANARY_REQUESTS = _table(
    "canary_requests",
    "What the same client sent at the same time to a second path, with which the cluster has nothing to do.",
    "started_at_ns",
    ("started_at_ns", "BIGINT", "Start of the request on the client's clock, ns since 1970 UTC."),
    ("ended_at_ns", "BIGINT", "End of the request on the client's clock, ns since 1970 UTC."),
    ("resolution_ns", "BIGINT", "How much later than written the instants may be, ns."),
    ("status", "INTEGER", "Status code of the response; null when there was none."),
    ("error", "VARCHAR", "The tool's own words for what went wrong; null when it saw no error."),
    ("is_truncated", "BOOLEAN", "The response's body was cut short; null when the tool cannot tell."),
    ("url", "VARCHAR", "URL with its query values masked."),
    ("correlation_id", "VARCHAR", "Request id that was sent along."),
    ("intended_at_ns", "BIGINT", "When the request was to be sent, client's clock, ns since 1970 UTC; null when not logged."),
    ("is_connection_reused", "BOOLEAN", "It was sent on a connection that had served before; null when not logged."),
)

CLIENT_MESSAGES = _table(
    "client_messages",
    "What a load test said beside its per-request log: error texts that belong to one of its requests.",
    "logged_at_ns",
    ("logged_at_ns", "BIGINT", "When it was said, client's clock, ns since 1970 UTC."),
    ("resolution_ns", "BIGINT", "How much later than written it may be, ns."),
    ("level", "VARCHAR", "The tool's level: info, warn, err."),
    ("thread", "VARCHAR", "Worker that said it, as in `requests.thread`."),
    ("message", "VARCHAR", "The text, URLs redacted."),
)

EXPECTED_COUNTS = _table(
    "expected_counts",
    "A tool's own summary: how many requests it says ended with which status. Cross-checks `requests`.",
    "line",
    ("tool", "VARCHAR", "Name of the tool."),
    ("started_at_ns", "BIGINT", "Start of the run that is summed up, client's clock; null when not said."),
    ("ended_at_ns", "BIGINT", "End of that run; null when not said."),
    ("status", "INTEGER", "Status code; null for requests that got none."),
    ("requests", "BIGINT", "How many requests."),
    ("label", "VARCHAR", "The summary's own word for the group."),
)

PROXY_REQUESTS = _table(
    "proxy_requests",
    "Access-log lines of proxies and ingress controllers, one row a request that they served.",
    "started_at_ns",
    ("started_at_ns", "BIGINT", "Start on the proxy's clock, ns since 1970 UTC."),
    ("ended_at_ns", "BIGINT", "End on the proxy's clock, ns since 1970 UTC."),
    ("resolution_ns", "BIGINT", "How much later than written the instants may be, ns: 1 s for `$time_local`."),
    ("proxy", "VARCHAR", "Kind of proxy: nginx, ingress-nginx, nginx-kic, haproxy, envoy, traefik, caddy."),
    ("status", "INTEGER", "Status that the client got; null when it went away first (Envoy and Caddy write 0)."),
    ("method", "VARCHAR", "HTTP method."),
    ("host", "VARCHAR", "Host the client asked for; null when not logged."),
    ("path", "VARCHAR", "Path with its query values masked."),
    ("correlation_id", "VARCHAR", "Request id from the client's header (`$http_x_request_id`, X-Request-ID); null when none."),
    ("proxy_request_id", "VARCHAR", "Id that the proxy made (`$request_id`, `$req_id`); null when none."),
    ("client_address", "VARCHAR", "Address (and port) of the client."),
    ("process_id", "VARCHAR", "Worker process (`$pid`); null when not logged."),
    ("connection_id", "VARCHAR", "Client connection's serial number (`$connection`); null when not logged."),
    ("connection_requests", "BIGINT", "Requests on that connection so far; above 1 means reused; null when not logged."),
    ("bytes_sent", "BIGINT", "Bytes of body sent to the client; null when not logged."),
    ("is_truncated", "BOOLEAN", "The log itself tells that the body was cut short; null when it cannot tell."),
    ("flags", "VARCHAR", "Envoy's response flags or HAProxy's termination state; null when none."),
    ("details", "VARCHAR", "The proxy's reason in words (Envoy's response_code_details); null when none."),
    ("upstream_name", "VARCHAR", "Backend, cluster or service chosen; null when not logged."),
    ("upstream_addresses", "VARCHAR", "Comma list of the addresses tried, in order, as nginx writes them; null when none."),
    ("upstream_statuses", "VARCHAR", "Comma list of their statuses; `-` where none came."),
    ("upstream_connect_times_s", "VARCHAR", "Comma list of seconds to connect; `-` where no connection came about."),
    ("upstream_header_times_s", "VARCHAR", "Comma list of seconds to the first byte; `-` where none came."),
    ("upstream_response_times_s", "VARCHAR", "Comma list of seconds until the attempt ended."),
    ("upstream_response_bytes", "VARCHAR", "Comma list of body bytes received from the upstream."),
    ("attempts", "INTEGER", "Tries the proxy says it made, when it logs only the last; null when not logged."),
)

PROXY_EVENTS = _table(
    "proxy_events",
    "What proxies and their controllers logged beside requests: configuration changes and upstream errors.",
    "logged_at_ns",
    ("logged_at_ns", "BIGINT", "When it was logged, proxy's clock, ns since 1970 UTC."),
    ("resolution_ns", "BIGINT", "How much later than written it may be, ns."),
    ("proxy", "VARCHAR", "Kind of proxy, as in `proxy_requests.proxy`."),
    ("event", "VARCHAR", (
        "endpoints_seen | reload_began | reload_done | reload_failed | config_applied | config_failed | upstream_error | "
        "upstream_disabled | worker_started | worker_exiting | worker_exited | sync_began | sync_done."
    )),
    ("level", "VARCHAR", "The log's own level."),
    ("process_id", "VARCHAR", "Worker process; null when not logged."),
    ("connection_id", "VARCHAR", "Client connection's serial number (`*41106`); null when not logged."),
    ("upstream_address", "VARCHAR", "ip:port of the pod, or the upstream's name; null when none."),
    ("host", "VARCHAR", "Host of the request; null when none."),
    ("path", "VARCHAR", "Path of the request with its query values masked; null when none."),
    ("client_address", "VARCHAR", "Client of the request; null when none."),
    ("config_version", "VARCHAR", "Version of the configuration that is taken into use; null when not logged."),
    ("duration_ms", "DOUBLE", "How long the logged step took, ms; null when not logged."),
    ("subject", "VARCHAR", "What it is about: namespace/name of a service, an upstream; null when none."),
    ("message", "VARCHAR", "The line's text, URLs redacted."),
)

OBJECTS = _table(
    "objects",
    "Every observed version of every Kubernetes object, whole (redacted), as the API served it.",
    "observed_at_ns",
    ("observed_at_ns", "BIGINT", "When its bytes arrived, recorder's clock, ns since 1970 UTC; null when nobody noted it."),
    ("event_type", "VARCHAR", "ADDED | MODIFIED | DELETED | LISTED (a snapshot, no change)."),
    ("api_version", "VARCHAR", "apiVersion of the object."),
    ("kind", "VARCHAR", "Kind of the object."),
    ("namespace", "VARCHAR", "Namespace; null for cluster-wide kinds."),
    ("name", "VARCHAR", "Name."),
    ("uid", "VARCHAR", "UID: never reused."),
    ("resource_version", "VARCHAR", "resourceVersion: identifies this version."),
    ("object", "VARCHAR", "The object as JSON, secrets masked."),
)

API_REQUESTS = _table(
    "api_requests",
    "Requests that the API server logged (audit log): who wrote what, to the microsecond.",
    "received_at_ns",
    ("received_at_ns", "BIGINT", "requestReceivedTimestamp, API server's clock, ns since 1970 UTC."),
    ("completed_at_ns", "BIGINT", "stageTimestamp of the response; null before it."),
    ("stage", "VARCHAR", "Audit stage; ResponseComplete for nearly all."),
    ("verb", "VARCHAR", "create, update, patch, delete, …"),
    ("resource", "VARCHAR", "Resource in plural, `pods`."),
    ("subresource", "VARCHAR", "`eviction`, `binding`, `status`; null when none."),
    ("namespace", "VARCHAR", "Namespace of the object; null for cluster-wide ones."),
    ("name", "VARCHAR", "Name of the object; null for collections."),
    ("status", "INTEGER", "HTTP status of the response."),
    ("username", "VARCHAR", "Who asked."),
    ("user_agent", "VARCHAR", "With which program."),
    ("audit_id", "VARCHAR", "Id of the request."),
    ("grace_period_s", "BIGINT", "Grace period asked for in a delete; null when not logged."),
)

MARKS = _table(
    "marks",
    "What we or somebody did and when, to lay beside what happened.",
    "started_at_ns",
    ("started_at_ns", "BIGINT", "When it began, clock `clock`, ns since 1970 UTC."),
    ("ended_at_ns", "BIGINT", "When it was done; null when it has no length."),
    ("clock", "VARCHAR", "Clock of the two instants."),
    ("label", "VARCHAR", "What was done, in words."),
)

CLOCK_SAMPLES = _table(
    "clock_samples",
    "Bounds of one clock's offset to another at one moment.",
    "sampled_at_ns",
    ("sampled_at_ns", "BIGINT", "When it was sampled, clock `reference`, ns since 1970 UTC."),
    ("clock", "VARCHAR", "The clock that is compared: client, recorder, apiserver, node/NAME, proxy/NAME."),
    ("reference", "VARCHAR", "The clock it is compared to."),
    ("offset_lo_ns", "BIGINT", "`clock` minus `reference` is at least this."),
    ("offset_hi_ns", "BIGINT", "`clock` minus `reference` is at most this."),
    ("method", "VARCHAR", "How it was found: http_date, request_id, lease, stated."),
)

GAPS = _table(
    "gaps",
    "When a source was not listening, so that silence means nothing.",
    "from_ns",
    ("from_ns", "BIGINT", "Last moment it surely listened, recorder's clock, ns since 1970 UTC."),
    ("until_ns", "BIGINT", "When it listened again; null when it never did."),
    ("subject", "VARCHAR", "What was not heard: `pods`, `ingress log nginx-0`."),
    ("reason", "VARCHAR", "Why: 410 Gone, connection lost, right missing, process killed."),
    (
        "is_healed", "BOOLEAN",
        "Nothing is missing: what came meanwhile was told afterwards, at `until_ns` or later; null when nobody knows.",
    ),
)

REJECTS = _table(
    "rejects",
    "Lines that could not be read: where, why, and how they are built.",
    "line",
    ("reason", "VARCHAR", "Why it was not taken, one of a few words."),
    ("text", "VARCHAR", "Shape of its first part: each letter `a`, each digit `9`, signs as they are; null where even that is withheld."),
)

TABLES: tuple[Table, ...] = (
    REQUESTS,
    CANARY_REQUESTS,
    CLIENT_MESSAGES,
    EXPECTED_COUNTS,
    PROXY_REQUESTS,
    PROXY_EVENTS,
    OBJECTS,
    API_REQUESTS,
    MARKS,
    CLOCK_SAMPLES,
    GAPS,
    REJECTS,
)
BY_NAME = {table.name: table for table in TABLES}
