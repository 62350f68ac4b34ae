-- What an error text says went wrong, in one word; null when it says nothing we know.
-- The order matters: a timeout while dialling is silence, a timeout while waiting is a slow answer.
create or replace macro symptom_of_text(message) as
case
    when message is null then null
    when
        regexp_matches(
            message, '(?i)no such host|nxdomain|unknownhost|getaddrinfo|name resolution|could not be resolved'
        )
        then 'dns'
    when regexp_matches(message, '(?i)x509|certificate|tls:|handshake|javax[.]net[.]ssl')
        then 'tls'
    when regexp_matches(message, '(?i)cannot assign requested address|too many open files')
        then 'client_exhausted'
    when regexp_matches(message, '(?i)no live upstreams')
        then 'no_live_upstreams'
    when regexp_matches(message, '(?i)limiting requests|limiting connections')
        then 'rate_limited'
    when regexp_matches(message, '(?i)worker_connections are not enough|upstream request queue|pool is full')
        then 'overload'
    when regexp_matches(message, '(?i)refused|\b111\b')
        then 'refused'
    when regexp_matches(message, '(?i)no route to host|unreachable|ehostunreach|\b113\b')
        then 'unreachable'
    when
        regexp_matches(
            message, '(?i)dial[a-z: ]*[^:]*:.*i/o timeout|dial: i/o timeout|connect[a-z ]*timed? ?out'
        )
        or regexp_matches(message, '(?i)while connecting to upstream.*|connection timed out|connect timeout')
        and regexp_matches(message, '(?i)timed out|timeout|\b110\b')
        and not regexp_matches(message, '(?i)while reading')
        then 'unreachable'
    when
        regexp_matches(
            message, '(?i)while reading upstream|unexpected eof|chunkedencoding|error reading a body'
        )
        then 'truncated'
    when
        regexp_matches(
            message, '(?i)reset|prematurely closed|premature|broken pipe|socketexception|nohttpresponse'
        )
        or regexp_matches(
            message, '(?i)remotedisconnected|hang up|econnreset|\beof\b|closed before|connection closed'
        )
        then 'reset'
    when regexp_matches(message, '(?i)timed out|timeout|deadline exceeded|readtimeout')
        then 'timeout'
end
