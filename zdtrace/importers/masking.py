"""SQL macros that take secrets out of what importers write: a URL, a text, an id, a line that was rejected.

They say what stays, not what goes, wherever the shape of a value is known: of a URL its scheme, host, path and the
names of its parameters; of a rejected line its shape. Only free text is searched for secrets. What comes out is
the same for the same input, so that what was equal stays equal. RE2 reads every pattern in linear time.
"""

from __future__ import annotations

from collections.abc import Mapping

_AT = "(?:@|%(?:25)*40)"
_COLON = "(?::|%(?:25)*3a)"
_SLASH = "(?:/|%(?:25)*2f)"
_NAMED = r"[a-z_][\w.\[\]-]{0,31}="
"""A parameter's name that looks like one; with no value behind it, it may be a value itself (`?c2VjcmV0==`)."""
_KNOWN_BY_BEGIN = (
    r"eyJ[\w-]{8,}(?:[.][\w-]*)*|(?:AKIA|ASIA)[0-9A-Z]{12,}"
    r"|(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|hv[sb][.]|[srp]k[_-])[\w.-]{12,}"
)
"""Tokens that tell by how they begin what they are: JSON Web Tokens, those of clouds, forges, Vault."""

_URL_SUSPECT = rf"[^\w./:~-]|:[^/\d]|{_KNOWN_BY_BEGIN}"
_URL_PLAIN = r"(?:https?://[\w.-]+(?::\d+)?)?/[\w./~-]*[?][^#]*"
_URL_KNOWN = (_KNOWN_BY_BEGIN, "***")
_PARAMETERS = (rf"(?i)([?&;#])(?:({_NAMED})[^&;?#=][^&;?#]*|[^&;?#]*)", r"\1\2***")
_URL_RULES = (
    _URL_KNOWN,
    # Credentials before a host, also where they hold the signs that would end it, or are encoded.
    (rf"(?i)({_COLON}{_SLASH}{{2}}|^//)[^?#]*{_AT}", r"\1***@"),
    (r"(://)[^/?#@\[\]]*:[^/?#@\[\]]*[^\d/?#@\[\]][^/?#@]*", r"\1***"),
    (rf"(?i)(^|/)[^/?#]*{_COLON}[^/?#]*{_AT}", r"\1***@"),
    # Where the path ends, whatever begins behind it.
    (r"(?is)^([^?&;#=]*?)(?:[\s\"<>|\\^`]|%(?:25)*(?:3f|23|26|3b|3d)).*", r"\1***"),
    (r"^([^?&;#=]*=)[^?&;#]+", r"\1***"),
    _PARAMETERS,
)

_SAID = r"(?:passw|passphrase|passcode|pwd|\bpass\b|_pass\b|token|secret|credential|(?:api|access|private)[_ -]?key)"
_HEADER = (
    r"(?:(?:proxy-|x-)?authori[sz]ation|(?:set-)?cookie2?"
    r"|x-[a-z0-9-]*(?:token|auth|key|secret|pass|jwt|session)[a-z0-9-]*)"
)
_CHARACTER = r"""(?:\\"|"[^\s:,;)\]}>.]|[^\s"?&])"""
"""Of a value in a text: a quote ends it only where the text could go on behind it."""
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\\.|[^\s"'\\])+"""
_TEXT_SUSPECT = (
    rf"(?i)[?&][^\s?&]|[;#]{_NAMED}|/\S*[#%]|=|[:/]\S*@|://|-[up]\s?\S|bearer|basic|digest|negotiate"
    rf"|-----BEGIN|{_HEADER}|{_SAID}|{_KNOWN_BY_BEGIN}"
)
_TEXT_RULES = (
    (r"(?s)-----BEGIN.*", "***"),
    (_KNOWN_BY_BEGIN, "***"),
    # Parameters of URLs, then what stands before their hosts.
    (rf"(?i)([?&])(?:({_NAMED})(?:[^\s\"?&=]|\\\"){_CHARACTER}*|{_CHARACTER}+)", r"\1\2***"),
    (rf"(?i)([;#])({_NAMED}){_CHARACTER}+", r"\1\2***"),
    (r"(/[^\s\"#?]*#)[^\s\"]+", r"\1***"),
    (r"(?i)(/\S*?)%(?:25)*(?:3f|23|26|3b|3d)\S*", r"\1***"),
    (rf"(?i)({_COLON}{_SLASH}{{2}})(?:\"[^\s:,;)\]}}>.]|[^\s\"?#])*{_AT}", r"\1***@"),
    (r"[^\s\"'(@]*[:/][^\s\"@]*[^\s\"@*]@", "***@"),
    (r"(://)[^\s/?#@\"\[\]]*:[^\s/?#@\"\[\]]*[^\d\s/?#@\"'\[\].,:;)>][^\s/?#@\"]*", r"\1***"),
    # A header has words, lines and lists: nothing that follows is kept.
    (rf"(?is)({_HEADER}[\"'\]\\]*\s*[:=]\s*).*", r"\1***"),
    (r"(?i)\b(bearer|basic|digest|negotiate)[\s:=]+[\w.~+/=-]{6,}", r"\1 ***"),
    (rf"(?i)([\w.-]*{_SAID}[\w.-]*[\"'\]\\]*\s*(?:[:=]>?|\bis\b|\bwas\b)\s*){_VALUE}", r"\1***"),
    (rf"(?i)((?:^|[\s\[])--?[\w.-]*{_SAID}[\w.-]*\s+)[^-\s](?:{_VALUE})?", r"\1***"),
    (r"(?i)(^|\s)(-u|--user)([=\s]*)[^\s:]+:\S+", r"\1\2\3***"),
    # mysql's way. Digits are a port, and `-path=…` is one of Go's flags.
    (r"(^|\s)-p(?:[^\s\d=-][^\s=]*|\d+[^\s\d=][^\s=]*)(\s|$)", r"\1-p***\2"),
)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _replaced(value: str, *rules: tuple[str, str]) -> str:
    for pattern, replacement in rules:
        value = f"regexp_replace({value}, {_literal(pattern)}, {_literal(replacement)}, 'g')"
    return value


_PLAIN = r"[0-9a-f.:, -]*\|[0-9a-f.:-]*\|[a-z0-9/]*"
_GROUPS = ("masked", "masked_id", "masked_url")


def is_plain(columns: Mapping[str, str]) -> str:
    """Return SQL that is true when no macro would change a row's columns, which are given with the macro of each.

    One look at all of them: a regular expression costs as much for a short word as for six. What has other signs than
    those of addresses, numbers and simple paths may be plain all the same.
    """
    groups = [[name for name, macro in columns.items() if macro == group] for group in _GROUPS]
    texts = ", '|', ".join(", ".join(group) or "''" for group in groups)
    return f"regexp_full_match(concat({texts}), {_literal(_PLAIN)})"


MASKING = (
    f"""create macro masked_url(x) as case
        when x is null or not regexp_matches(x, {_literal(_URL_SUSPECT)}) then x
        when regexp_full_match(x, {_literal(_URL_PLAIN)}) then {_replaced("x", _URL_KNOWN, _PARAMETERS)}
        else {_replaced("x", *_URL_RULES)}
    end""",
    f"""create macro masked(x) as case
        -- A word as short as a number of a thread holds no secret, and looking for one takes long.
        when strlen(x) < 4 or x is null or not regexp_matches(x, {_literal(_TEXT_SUSPECT)}) then x
        else {_replaced("x", *_TEXT_RULES)}
    end""",
    # An id has to stay equal to itself: one that does not look like an id is known by its hash.
    r"""create macro masked_id(x) as case
        when x is null or regexp_full_match(x, '[\w.:/+-]*') and not contains(x, 'eyJ') then x
        else '***' || left(md5(x), 16)
    end""",
    # What cannot be read may be anything: of a line that was rejected its shape is kept and none of its words.
    r"""create macro shape(x) as regexp_replace(regexp_replace(regexp_replace(x,
        '\d', '9', 'g'), '\pL', 'a', 'g'), '[^ -~]', '?', 'g')""",
)
