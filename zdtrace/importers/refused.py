"""Files that we recognise and cannot use: tools that write no single requests, or not when they happened.

Each says what would work instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Head, Options, Reading

_ADVICE = "fortio, k6 and vegeta do: `fortio load -access-log-file FILE -access-log-format json …`"


@dataclass(frozen=True)
class Refused:
    """One such format: how it begins, what is wrong with it, and what to do."""

    name: str
    title: str
    begins: re.Pattern[str]
    reason: str
    hint: str
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Match the beginning of the text."""
        return bool(self.begins.match(head.text))

    def read(self, head: Head, options: Options) -> Reading:
        """Always refuse."""
        raise UnusableFile(head.path, self.reason, hint=self.hint)


AB = Refused(
    name="ab",
    title="ApacheBench (-g, -e, report)",
    begins=re.compile(r"starttime\tseconds\tctime\t|Percentage served,Time in ms|This is ApacheBench"),
    reason="ab's files have no status, whole seconds at best, and no row that tells a failure",
    hint=f"use a load test that logs each request. {_ADVICE}",
)
WRK = Refused(
    name="wrk",
    title="wrk (report, Lua `response()` log)",
    begins=re.compile(r"Running \d+\w* (test|load test) @ |(?:\d{10},\d{3}\r?\n){2}"),
    reason="wrk counts; its Lua hook sees neither failed requests nor when a request began",
    hint=f"use a load test that logs each request. {_ADVICE}",
)
SIEGE = Refused(
    name="siege",
    title="siege (--log, output)",
    begins=re.compile(
        r"\s*Date & Time,\s+Trans,|\*\* SIEGE \d|(?:\x1b\[[\d;]*m|\[[\d;]+m)*HTTP/1\.[01] \d{3} +[\d.]+ secs:"
    ),
    reason="siege writes one line a run, or lines without a time",
    hint=f"use a load test that logs each request. {_ADVICE}",
)
ARTILLERY = Refused(
    name="artillery",
    title="artillery (--output, DEBUG=http)",
    begins=re.compile(
        r"\s*\{\s*\"aggregate\"\s*:|(?:[\w:.-]+Z )?http:\w+ request start: |"
        r"(?:\S+Z )?artillery:|Test run id: "
    ),
    reason="artillery writes sums of ten seconds; its debug output has no record a request",
    hint=f"log from an `afterResponse` hook and import with --columns, or use another load test. {_ADVICE}",
)
AUTOCANNON = Refused(
    name="autocannon-summary",
    title="autocannon --json",
    begins=re.compile(
        r"\s*\{(?=[\s\S]{0,3000}\"statusCodeStats\")(?=[\s\S]{0,3000}\"(?:sampleInt|pipelining|2xx)\")"
    ),
    reason="autocannon's result has sums, no single requests",
    hint="write its `response` and `reqError` events from JavaScript: "
    "JSON.stringify({t: Date.now(), ev: 'response', status, bytes, ms})",
)
LOCUST_SUMS = Refused(
    name="locust-sums",
    title="locust --csv (stats, failures, exceptions)",
    begins=re.compile(
        r"Type,Name,Request Count,|Timestamp,User Count,Type,Name,|Method,Name,Error,Occurrences|"
        r"Count,Message,Traceback,Nodes"
    ),
    reason="locust's own CSV files hold sums, no single requests",
    hint="add a listener of `events.request` that writes start_time,request_type,name,response_time_ms,"
    "response_length,status,exception,url as CSV, and import that",
)
FORTIO_TEXT = Refused(
    name="fortio-text",
    title="fortio's report for people",
    begins=re.compile(r"(?:Fortio \S+ running at |Starting at [\d.]+ qps|Aggregated Function Time :)"),
    reason="fortio's report has a histogram, no single requests",
    hint="run fortio with `-access-log-file FILE -access-log-format json` and import FILE",
)
GHZ_CSV = Refused(
    name="ghz-csv",
    title="ghz -O csv",
    begins=re.compile(r"duration \(ms\),status,error"),
    reason="ghz's CSV does not say when a request happened",
    hint="run ghz with `-O json -o FILE` and import FILE",
)
VEGETA_GOB = Refused(
    name="vegeta-gob",
    title="vegeta's binary results",
    begins=re.compile(r"[\s\S]{1,12}\x06Result"),
    reason="vegeta's binary results can only be read by vegeta itself",
    hint="vegeta encode -to json FILE > FILE.json   and import FILE.json",
)
JMETER_PLAN = Refused(
    name="jmeter-plan",
    title="JMeter test plan (.jmx)",
    begins=re.compile(r"(?:<\?xml[^>]*>\s*)?<jmeterTestPlan\b"),
    reason="this is the plan of a JMeter test, not its results",
    hint="run it with `jmeter -n -t PLAN -l FILE.jtl` and import FILE.jtl",
)
HEY_REPORT = Refused(
    name="hey-report",
    title="hey's or oha's report for people",
    begins=re.compile(r"\s*Summary:\n\s+(?:Total|Success rate):\s"),
    reason="the report has a histogram, no single requests",
    hint="hey: `-o csv > FILE`; oha: `--db-url FILE.sqlite`, which knows the time. Both leave failures out. "
    + _ADVICE,
)
SUMS: tuple[Refused, ...] = (
    AB,
    WRK,
    SIEGE,
    ARTILLERY,
    AUTOCANNON,
    LOCUST_SUMS,
    FORTIO_TEXT,
    GHZ_CSV,
    VEGETA_GOB,
    JMETER_PLAN,
    HEY_REPORT,
)
