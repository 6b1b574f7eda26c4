"""Where a cluster is and who asks it, from one URL."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

FORM = "trino://user@host:port/catalog/schema"
ME = "health-monitor"
"""The name under which the monitor asks, and by which it knows its own queries again."""

TLS_PORTS = {443, 8443}


@dataclass(frozen=True, slots=True)
class Address:
    """A coordinator, and the user, password, catalog and schema to ask it with."""

    scheme: str
    host: str
    port: int
    user: str
    password: str | None = field(repr=False)
    catalog: str | None
    schema: str | None

    @property
    def base(self) -> str:
        """The address of the coordinator, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def read_address(url: str, password: str | None) -> Address:
    """Read a ``trino://`` URL; ``?scheme=https`` or ``http`` overrules what port and password say.

    Raise ValueError with the known form, and when a password would travel without TLS.
    """
    parts = urlsplit(url)
    if parts.scheme != "trino" or not parts.hostname:
        raise ValueError(f"the URL of a Trino cluster is written as {FORM}")
    secret = password or (unquote(parts.password) if parts.password else None)
    is_tls = secret is not None or parts.port in TLS_PORTS
    asked = parse_qs(parts.query).get("scheme", ["https" if is_tls else "http"])[-1]
    if asked not in {"http", "https"}:
        raise ValueError(f"'scheme={asked}' is unknown; it is http or https")
    if secret is not None and asked == "http":
        raise ValueError("a password needs TLS: leave out scheme=http, or the password")
    catalog, _, schema = parts.path.strip("/").partition("/")
    return Address(
        scheme=asked,
        host=parts.hostname,
        port=parts.port or (443 if asked == "https" else 8080),
        user=unquote(parts.username) if parts.username else ME,
        password=secret,
        catalog=unquote(catalog) or None,
        schema=unquote(schema) or None,
    )
