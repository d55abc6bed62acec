"""Which hosts we talk to: an allow list, asked before every request and every redirect.

An entry is a host name (`zoom.us`: https, itself and everything below it), a host with a port (`files.example:8443`), or
either with its scheme (`http://127.0.0.1:9000`, the only way to plain http). Scheme and port must match exactly. An
IP address matches itself alone, in the very spelling that is listed; a URL with a user name is never permitted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from infra.errors import ConfigurationError, PermanentError

DEFAULT_PORTS = {"http": 80, "https": 443}  # RFC 9110 4.2
MAX_HOST_CHARACTERS = 253  # RFC 1035 2.3.4; a longer one is cut in error texts


class HostRefused(PermanentError):
    """The URL's host is not one we talk to. The text names the host and nothing else of the URL."""


@dataclass(frozen=True, slots=True)
class _Origin:
    scheme: str
    host: str
    port: int

    @property
    def is_address(self) -> bool:
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True

    def covers(self, other: "_Origin") -> bool:
        if (self.scheme, self.port) != (other.scheme, other.port):
            return False
        return other.host == self.host or (not self.is_address and other.host.endswith("." + self.host))


class AllowList:
    """The hosts that may be asked. Immutable, safe to share.

    Raises:
        ConfigurationError: an entry is not a host, host:port or origin.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        self._origins = tuple(map(_entry, entries))

    def permits(self, url: str) -> bool:
        """Tell whether the URL may be asked. Total: whatever the text, it answers."""
        origin = _origin(url)
        return origin is not None and any(listed.covers(origin) for listed in self._origins)

    def check(self, url: str) -> None:
        """Return when the URL may be asked.

        Raises:
            HostRefused: it may not; the text names the host.
        """
        if not self.permits(url):
            raise HostRefused(f"refused host: {host_of(url)}")

    def __add__(self, other: "AllowList") -> "AllowList":
        """Return the list that permits what either permits."""
        both = AllowList(())
        both._origins = self._origins + other._origins
        return both


def host_of(url: str) -> str:
    """Return scheme, host and port of a URL, fit for an error text: no user, path, query or odd characters."""
    origin = _origin(url)
    if origin is not None:
        port = "" if DEFAULT_PORTS.get(origin.scheme) == origin.port else f":{origin.port}"
        return f"{origin.scheme}://{origin.host[:MAX_HOST_CHARACTERS]}{port}"
    return "(no plain http or https URL)"


def _entry(text: str) -> _Origin:
    origin = _origin(text if "://" in text else f"https://{text}")
    if origin is None or text.rstrip("/").count("/") not in (0, 2):
        raise ConfigurationError(f"{text!r} is not a host, host:port or http(s)://host:port")
    return origin


def _origin(url: str) -> _Origin | None:
    """Read a URL strictly: where two parsers could disagree about the host, there is none."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc or "%" in parts.netloc:
        return None
    return _Origin(parts.scheme, parts.hostname, DEFAULT_PORTS[parts.scheme] if port is None else port)
