"""SQL that every importer may use: reading instants, masking secrets. Loaded into the import's own DuckDB."""

from __future__ import annotations

from zdtrace.importers.masking import MASKING

MACROS = (
    # Instants. Decimal arithmetic, because a DOUBLE has not enough digits for nanoseconds since 1970.
    "create macro epoch_s_ns(x) as try_cast((try_cast(x as decimal(28, 9)) * 1000000000) as bigint)",
    "create macro epoch_ms_ns(x) as try_cast((try_cast(x as decimal(28, 6)) * 1000000) as bigint)",
    "create macro epoch_us_ns(x) as try_cast((try_cast(x as decimal(28, 3)) * 1000) as bigint)",
    # A cast to TIMESTAMP_NS ignores a UTC offset without a word, so only `…Z` may go that way; one to TIMESTAMPTZ takes
    # what has no zone for UTC: nobody said so.
    """create macro iso_ns(x) as case
        when ends_with(x, 'Z') then epoch_ns(try_cast(x as timestamp_ns))
        when regexp_matches(x, ':\\d\\d([.,]\\d+)? ?(z|[+-]\\d\\d(:?\\d\\d)?)$')
            then epoch_us(date_trunc('second', try_cast(x as timestamptz))) * 1000
            + rpad(regexp_extract(x, '[.,](\\d{1,9})', 1), 9, '0')::bigint
    end""",
    "create macro clf_ns(x) as epoch_us(try_strptime(x, '%d/%b/%Y:%H:%M:%S %z')::timestamptz) * 1000",
    # Spans. Not-a-number, infinities and what does not fit become null.
    "create macro s_ns(x) as try_cast(round(try_cast(x as double) * 1e9) as bigint)",
    "create macro ms_ns(x) as try_cast(round(try_cast(x as double) * 1e6) as bigint)",
    "create macro us_ns(x) as try_cast(round(try_cast(x as double) * 1e3) as bigint)",
    *MASKING,
    # A tool's name for a request, where it is a URL or a path and not words like `GET item`.
    "create macro if_path(x) as case when regexp_matches(x, '^(https?:/)?/') then x end",
    "create macro dash_null(x) as nullif(nullif(x, '-'), '')",
    # `GET /path?query HTTP/1.1`
    "create macro request_method(x) as nullif(regexp_extract(x, '^([A-Z]{1,20}) ', 1), '')",
    "create macro request_path(x) as nullif(split_part(x, ' ', 2), '')",
)


def literal(value: str) -> str:
    """Return a string as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
