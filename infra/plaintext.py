"""Which connections others could read on their way: those without TLS that leave this machine.

They are refused unless ALLOW_PLAINTEXT names their kind, because nobody notices a missing TLS by itself.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

KINDS = ("kafka", "postgresql", "s3")  # what ALLOW_PLAINTEXT may name
# libpq's modes that never fall back to plaintext: https://www.postgresql.org/docs/current/libpq-ssl.html
ENCRYPTING_MODES = ("require", "verify-ca", "verify-full")


def is_here(host: str) -> bool:
    """Whether a host is this machine: a loopback address, `localhost`, or the folder of a Unix socket."""
    if host.startswith(("/", "@")) or host.lower() in ("", "localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def kafka_is_open(url: str, security_protocol: str) -> bool:
    """Whether `kafka://host:port,…` leads off this machine without TLS."""
    if "SSL" in security_protocol:
        return False
    return any(not is_here(host) for host in _hosts(url.removeprefix("kafka://")))


def postgresql_is_open(url: str) -> bool:
    """Whether `postgresql://…` leads off this machine and may do so without TLS. Raises ValueError when it is no URL."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    modes = query.get("sslmode", ["prefer"])  # libpq's default, which takes plaintext when the server has nothing else
    if all(mode in ENCRYPTING_MODES for mode in modes):
        return False
    named = [parts.netloc.rpartition("@")[2], *query.get("host", []), *query.get("hostaddr", [])]
    return any(not is_here(host) for group in named for host in _hosts(group))


def s3_is_open(endpoint_url: str | None) -> bool:
    """Whether an S3 endpoint (none: AWS itself, by https) leads off this machine without TLS."""
    if endpoint_url is None or not endpoint_url.lower().startswith("http://"):
        return False
    return not is_here(urlsplit(endpoint_url).hostname or "")


def _hosts(addresses: str) -> Iterator[str]:
    """The hosts of `host:port,host,[::1]:port,/socket/folder,…`."""
    for address in addresses.split(","):
        text = address.strip()
        if text.startswith("["):
            yield text[1:].partition("]")[0]
        elif text.startswith("/") or text.count(":") > 1:  # an IPv6 address without brackets or port
            yield text
        else:
            yield text.partition(":")[0]
