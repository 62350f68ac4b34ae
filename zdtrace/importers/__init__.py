"""Files of other tools: one module a format, listed here in the order in which they are asked (`sniff`)."""

from __future__ import annotations

from pathlib import Path

from zdtrace.errors import UnknownFormat, UsageError
from zdtrace.importers import (
    audit,
    autocannon,
    caddy,
    columns,
    curl,
    envoy,
    fortio,
    gatling,
    ghz,
    goose,
    h2load,
    haproxy,
    jmeter,
    jmeter_xml,
    journal,
    k6,
    kube_proxy,
    kubectl,
    locust,
    nginx_access,
    nginx_controllers,
    nginx_error,
    nginx_json,
    oha,
    probe,
    refused,
    text,
    traefik,
    vegeta,
    watch,
)
from zdtrace.importers.base import Head, Importer

IMPORTERS: tuple[Importer, ...] = (
    watch.Watch(),
    journal.RecordJournal(),
    probe.ProbeLog(),
    kubectl.KubectlWatch(),
    audit.AuditLog(),
    kubectl.KubectlJson(),
    kubectl.KubectlText(),
    fortio.FortioJson(),
    fortio.FortioInflux(),
    fortio.FortioStderr(),
    fortio.FortioResult(),
    k6.K6Json(),
    k6.K6Csv(),
    k6.K6Summary(),
    vegeta.VegetaJson(),
    vegeta.VegetaCsv(),
    vegeta.VegetaReport(),
    oha.HeyCsv(),
    oha.OhaCsv(),
    oha.OhaSqlite(),
    oha.OhaResult(),
    h2load.H2load(),
    locust.LocustCsv(),
    jmeter.JmeterCsv(),
    gatling.GatlingText(),
    gatling.GatlingBinary(),
    ghz.GhzJson(),
    goose.GooseJson(),
    goose.GooseCsv(),
    goose.GooseErrors(),
    curl.CurlJson(),
    curl.CurlTsv(),
    autocannon.AutocannonHook(),
    jmeter_xml.JmeterXml(),
    envoy.EnvoyJson(),
    envoy.ENVOY_DEFAULT,
    envoy.ENVOY_ISTIO,
    envoy.EnvoyLog(),
    envoy.ContourLog(),
    caddy.CaddyJson(),
    traefik.TraefikJson(),
    traefik.TraefikClf(),
    haproxy.HaproxyHttplog(),
    kube_proxy.KubeProxy(),
    nginx_controllers.NGINX_KIC,
    nginx_controllers.INGRESS_NGINX,
    nginx_error.NginxError(),
    nginx_json.NginxJson(),
    nginx_access.NGINX_UPSTREAMINFO,
    nginx_access.NGINX_MAIN,
    nginx_access.NGINX_COMBINED,
    nginx_access.NginxLogFormat(),
    *refused.SUMS,
    columns.Columns(),
)


def named(name: str) -> Importer:
    """Return the importer that `--format NAME` means. Raises UsageError for a name that nobody has."""
    for importer in IMPORTERS:
        if importer.name == name:
            return importer
    known = ", ".join(importer.name for importer in IMPORTERS)
    raise UsageError(f"no format is called `{name}`", hint=f"known formats: {known}")


def recognise(path: Path) -> Importer:
    """Return the importer that knows a file by its content. Raises UnknownFormat, naming those that were asked."""
    head = Head(path, text.head(path))
    for importer in IMPORTERS:
        if importer.sniff(head):
            return importer
    raise UnknownFormat(path, tuple(importer.name for importer in IMPORTERS))
