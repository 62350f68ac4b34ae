"""nginx' access log as text: the formats that everybody has, and any other whose `log_format` is given.

Unless it has `$msec`, an instant is a whole second. Refused connections, resets and timeouts show as 502 and
504, a client that went away as 499; a body that was cut short looks like a good 200 (only the error log
tells).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Head, Options, Pattern, Reading, Rows
from zdtrace.importers.nginx_log_format import COMBINED, MAIN, UPSTREAMINFO, LogFormat, compiled

CLF_HEAD = r'^\S+ - .+? \[\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "'
"""How each line of the usual formats begins."""


@dataclass(frozen=True)
class NginxAccess:
    """A format whose lines can be told by their look. `options.log_format` overrules it."""

    name: str
    title: str
    log_format: str
    proxy: str
    clock: str = "proxy"

    def sniff(self, head: Head) -> bool:
        """Match whole lines against the format."""
        return head.matches(re.compile(f"^{compiled(self.log_format).pattern}$"))

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request."""
        return reading(
            compiled(options.log_format or self.log_format), self.proxy, withhold=bool(options.log_format)
        )


@dataclass(frozen=True)
class NginxLogFormat:
    """Any other text format: `options.log_format` has to say which."""

    name: str = "nginx-log-format"
    title: str = "nginx access log (custom log_format)"
    clock: str = "proxy"

    def sniff(self, head: Head) -> bool:
        """Look for the beginning that nearly all formats keep."""
        return head.matches(re.compile(CLF_HEAD))

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request. Raises UnusableFile without a log_format."""
        if not options.log_format:
            raise UnusableFile(
                head.path,
                "an access log in a format of its own",
                hint="add --log-format with nginx' format string of nginx.conf or the controller's ConfigMap",
            )
        return reading(compiled(options.log_format), "nginx", withhold=True)


def reading(log_format: LogFormat, proxy: str, *, withhold: bool) -> Reading:
    """Return how to read lines of a format; `withhold`: they may hold headers, rejects keep no text."""
    variables = log_format.variables
    return Reading(
        raw=Pattern(rf"^{log_format.pattern}\s*$", required=log_format.time),
        rows=(Rows("proxy_requests", variables.columns(proxy)),),
        written=variables.written,
        resolution_ns=variables.resolution_ns,
        withhold_rejects=withhold,
        notes=variables.notes,
    )


NGINX_COMBINED = NginxAccess("nginx-combined", "nginx access log (combined)", COMBINED, "nginx")
NGINX_MAIN = NginxAccess("nginx-main", "NGINX Inc controller's access log (main)", MAIN, "nginx-kic")
NGINX_UPSTREAMINFO = NginxAccess(
    "ingress-nginx", "ingress-nginx access log (upstreaminfo)", UPSTREAMINFO, "ingress-nginx"
)
