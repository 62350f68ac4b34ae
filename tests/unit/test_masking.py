"""What the importers' SQL leaves of a URL, a text, an id and a rejected line."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zdtrace.importers.masking import is_plain
from zdtrace.importers.sql import MACROS

C = "CANARYx7"
"""The secret of this page."""


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for macro in MACROS:
            connection.execute(macro)
        yield connection


def called(db: duckdb.DuckDBPyConnection, macro: str, value: str) -> str:
    found = db.execute(f"select {macro}($value)", {"value": value}).fetchone()
    assert found is not None
    return str(found[0])


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        (f"http://h/a?t=a'{C}", "http://h/a?t=***"),
        (f"/a?t=<{C}", "/a?t=***"),
        (f'/a?t=a"{C}', "/a?t=***"),
        (f"/a?t= {C}", "/a?t=***"),
        (f"/a?{C}", "/a?***"),
        (f"/a?={C}", "/a?***"),
        (f"/a?b=1&{C}", "/a?b=***&***"),
        (f"/a&{C}", "/a&***"),
        (f"/a?b=c?{C};{C}", "/a?b=***?***;***"),
        (f"/a?{C * 30}=1", "/a?***"),
        ("/a?Q0FOQVJZeDc==", "/a?***"),
        (f"/a?a[]={C}", "/a?a[]=***"),
        (f"/a#access_token={C}", "/a#access_token=***"),
        (f"/a#{C}", "/a#***"),
        (f"/a%3Ft={C}", "/a***"),
        (f"/a%253ft%253D{C}", "/a***"),
        (f"/a;jsessionid={C}", "/a;jsessionid=***"),
        (f"/a/token={C}/b", "/a/token=***"),
        (f"/a\n{C}", "/a***"),
        (f"/a/eyJhbGciOiJIUzI1NiJ9.{C}.{C}/b", "/a/***/b"),
        (f"http://u:{C}@h:80/x", "http://***@h:80/x"),
        (f"http://{C}@h/x", "http://***@h/x"),
        (f"postgres://u:p@{C}@db/x", "postgres://***@db/x"),
        (f"http://u:p/{C}@h/x", "http://***@h/x"),
        (f"http://{C}/b@h/x", "http://***@h/x"),
        (f"http://u:{C}?b@h/", "http://***?***"),
        (f"http://u:{C}", "http://***"),
        (f"https://u%3A{C}%40h/x", "https://***@h/x"),
        (f"//u:{C}@h/x", "//***@h/x"),
        (f"/fetch/http://u:{C}@h/", "/fetch/http://***@h/"),
        (f"/fetch/http%3A%2F%2Fu%3A{C}%40h/", "/fetch/***@h/"),
        (f"/through/u:{C}@h/x", "/through/***@h/x"),
        (f"http://[::1]:80/a?b={C}", "http://[::1]:80/a?b=***"),
    ],
)
def test_of_a_url_stay_scheme_host_path_and_the_names_of_parameters(
    db: duckdb.DuckDBPyConnection, url: str, clean: str
) -> None:
    assert called(db, "masked_url", url) == clean


@pytest.mark.parametrize(
    "url",
    [
        "/",
        "*",
        "/a/b.html",
        "/users/7",
        "/a/5f0c-12ab/x",
        "/@scope/pkg",
        "/a%20b",
        "/café",
        "/a,b(1)!'$*+",
        "host:80",
        "[::1]:80",
        "http://[::1]:8080/a",
        "http://h:80/a",
        "https://shop.example",
        "/a?b=***&***#***",
        "***@h/x",
    ],
)
def test_a_url_without_parameters_and_credentials_stays_as_it_is(db: duckdb.DuckDBPyConnection, url: str) -> None:
    assert called(db, "masked_url", url) == url


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f'Get "http://h/?t=a\'{C}": EOF', 'Get "http://h/?t=***": EOF'),
        (f'Get "http://h/?t=a"{C}": EOF', 'Get "http://h/?t=***": EOF'),
        (f'Get "http://h/?{C}": EOF', 'Get "http://h/?***": EOF'),
        (f'Get "http://h/a?b=1&{C}": EOF', 'Get "http://h/a?b=***&***": EOF'),
        (f'Get "http://u:p@{C}@h/x": EOF', 'Get "http://***@h/x": EOF'),
        (f"http://u:p/{C}@h/x: refused", "http://***@h/x: refused"),
        (f"http://u:{C} refused", "http://*** refused"),
        (f"amqp://u:{C}@mq:5672 refused", "amqp://***@mq:5672 refused"),
        (f"jdbc:oracle:thin:app/{C}@db:1521", "***@db:1521"),
        (f"redirected to http://h/#access_token={C}", "redirected to http://h/#***"),
        (f"GET /a%3Ft={C} failed", "GET /a*** failed"),
        (f"Cookie: a={C}; b={C}", "Cookie: ***"),
        (f"Set-Cookie: [a=b; c={C}] [x={C}]", "Set-Cookie: ***"),
        (f'"Set-Cookie":["a=1","b={C}"]', '"Set-Cookie":***'),
        (f'Authorization: ["Basic abc", "{C}"]', "Authorization: ***"),
        (f"Authorization=Bearer\n{C}", "Authorization=***"),
        (f"X-Vault-Token: {C}", "X-Vault-Token: ***"),
        (f"x-amz-security-token={C}", "x-amz-security-token=***"),
        (f"Bearer {C}", "Bearer ***"),
        (f"password: x token={C}", "password: *** token=***"),
        (f"password is {C}", "password is ***"),
        (f'password="a\\"{C}"', "password=***"),
        (f"token => {C}", "token => ***"),
        (f"--password {C} -v", "--password *** -v"),
        (f"curl -u admin:{C} failed", "curl -u *** failed"),
        (f"eyJhbGciOiJIUzI1NiJ9.{C}", "***"),
        (f"-----BEGIN RSA PRIVATE KEY-----\n{C}", "***"),
    ],
)
def test_a_text_loses_its_secrets_and_keeps_its_sense(db: duckdb.DuckDBPyConnection, text: str, clean: str) -> None:
    assert called(db, "masked", text) == clean


@pytest.mark.parametrize(
    "text",
    [
        'Get "http://127.0.0.1:18101/v/item": dial tcp 0.0.0.0:0->127.0.0.1:18101: connect: connection refused',
        "connect() failed (111: Connection refused) while connecting to upstream",
        "ConnectionRefusedError(111, 'Connection refused')",
        "rpc error: code = Unavailable desc = connection closed",
        "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
        "HTTPConnectionPool(host='127.0.0.1', port=18130): Max retries exceeded with url: /l/item (Caused by <a 0x7f>)",
        "http://h:80: refused",
        "dial tcp [::1]:80: connect: refused",
        "Really? yes",
        "com.Foo@12ab: EOF",
    ],
)
def test_what_tools_say_of_failures_stays_as_it_is(db: duckdb.DuckDBPyConnection, text: str) -> None:
    assert called(db, "masked", text) == text


def test_an_id_stays_and_anything_else_in_its_place_stays_equal_to_itself_only(db: duckdb.DuckDBPyConnection) -> None:
    for word in ("ce17b16ac19075f2", "big-bang/17", "5f0c:1.2+3"):
        assert called(db, "masked_id", word) == word
    first, second = (called(db, "masked_id", f"token={word}") for word in (C, "other"))
    assert C not in first
    assert first != second
    assert first == called(db, "masked_id", f"token={C}")


def test_of_a_rejected_line_the_shape_is_kept(db: duckdb.DuckDBPyConnection) -> None:
    assert called(db, "shape", f'{{"ts": 17.5, "größe\x1b": "{C}') == '{"aa": 99.9, "aaaaa?": "aaaaaaa9'


PARTS = [*"ab1:/@?&;#=%. \"'\n", "%3a", "%40", "://", "eyJ", "***"]
TEXT = st.lists(st.sampled_from(PARTS), max_size=20).map("".join)


@settings(max_examples=300)
@given(text=TEXT)
def test_masking_a_url_again_changes_nothing(db: duckdb.DuckDBPyConnection, text: str) -> None:
    once = called(db, "masked_url", text)
    assert called(db, "masked_url", once) == once


@settings(max_examples=300)
@given(before=TEXT, after=TEXT, sign=st.sampled_from("?&#"))
def test_nothing_behind_a_urls_path_stays(db: duckdb.DuckDBPyConnection, before: str, after: str, sign: str) -> None:
    secret = "Zx9Q" * 10
    assert secret not in called(db, "masked_url", f"/{before}{sign}{secret}{after}")
    assert secret not in called(db, "masked_url", f"/{before}{sign}k={secret}{after}")


COLUMNS = {"address": "masked", "id": "masked_id", "upstream": "masked", "path": "masked_url", "host": "masked_url"}


def plain(db: duckdb.DuckDBPyConnection, **values: str | None) -> bool:
    row = ", ".join(f"${name}::varchar as {name}" for name in COLUMNS)
    given_values = {**dict.fromkeys(COLUMNS), **values}
    return db.execute(f"select {is_plain(COLUMNS)} from (select {row})", given_values).fetchone() == (True,)


def test_a_row_of_addresses_ids_and_simple_paths_is_plain_at_one_look(db: duckdb.DuckDBPyConnection) -> None:
    row = {"address": "198.18.0.1:59732", "id": "ce17b16ac19075f2", "upstream": "10.0.0.1:80, fd00::2", "path": "/a/17"}
    assert plain(db, **row)
    assert plain(db)
    for name, secret in (
        ("address", "u:p@10.0.0.1"), ("address", "|"), ("id", "a b"), ("id", C), ("upstream", "x=1"),
        ("path", "/a?b=c"), ("path", f"/{C}"), ("host", "a|b"),
    ):
        assert not plain(db, **{**row, name: secret})


ODD = st.text(st.sampled_from([*"0123456789abcdef.:, -|/xyz@=?J_"]), max_size=30)


@settings(max_examples=500)
@given(values=st.fixed_dictionaries(dict.fromkeys(COLUMNS, ODD)))
def test_of_a_row_that_is_plain_no_macro_changes_anything(
    db: duckdb.DuckDBPyConnection, values: dict[str, str]
) -> None:
    if plain(db, **values):
        assert {name: called(db, macro, values[name]) for name, macro in COLUMNS.items()} == values


@pytest.mark.parametrize(("macro", "signs"), [
    ("masked", "0123456789abcdef.:, -"), ("masked_id", "0123456789abcdef.:-"),
    ("masked_url", "abcdefghijklmnopqrstuvwxyz0123456789/"),
])
@settings(max_examples=300)
@given(data=st.data())
def test_nothing_of_plain_signs_looks_like_a_secret(
    db: duckdb.DuckDBPyConnection, macro: str, signs: str, data: st.DataObject
) -> None:
    text = data.draw(st.text(st.sampled_from(signs), max_size=60))
    assert called(db, macro, text) == text
