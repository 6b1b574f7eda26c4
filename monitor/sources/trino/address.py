"""Where a cluster is and who asks it: from one URL, and from secrets that stand beside it."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from trino.auth import Authentication, BasicAuthentication, JWTAuthentication

FORM = "trino://user@host:port/catalog/schema"
ME = "health-monitor"
"""The name under which the monitor asks, and by which it knows its own queries again."""

TLS_PORTS = {443, 8443}


@dataclass(frozen=True, slots=True)
class Credentials:
    """How the monitor shows who it is. At most one of password, token and token file is given.

    ``certificate`` is a pair of PEM files, certificate and key; ``ca_file`` holds what signs the
    coordinator's own. ``run_as`` is whose rights count, when it is somebody else's.
    """

    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    certificate: tuple[str, str] | None = None
    ca_file: str | None = None
    run_as: str | None = None

    @property
    def are_secret(self) -> bool:
        """Whether something would be sent that nobody may read on the way."""
        return any((self.password, self.token, self.token_file, self.certificate))


@dataclass(frozen=True, slots=True)
class Address:
    """A coordinator, the user to ask it as, catalog and schema."""

    scheme: str
    host: str
    port: int
    principal: str
    catalog: str | None
    schema: str | None
    credentials: Credentials

    @property
    def base(self) -> str:
        """The address of the coordinator, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def user(self) -> str:
        """The user whose rights count."""
        return self.credentials.run_as or self.principal

    @property
    def password(self) -> str | None:
        """The password of the principal."""
        return self.credentials.password

    @property
    def verify(self) -> bool | str:
        """What the coordinator's certificate is held against."""
        return self.credentials.ca_file or True

    @property
    def cert(self) -> tuple[str, str] | None:
        """The monitor's own certificate and key."""
        return self.credentials.certificate

    def authentication(self) -> Authentication | None:
        """Return what the client shows; a token file is read now, so that it may be rotated.

        Raise OSError when it cannot be read.
        """
        known = self.credentials
        if known.password is not None:
            return BasicAuthentication(self.principal, known.password)
        token = known.token
        if known.token_file is not None:
            token = known.token_file.read_text(encoding="utf-8").strip()
        return JWTAuthentication(token) if token else None


def read_address(url: str, credentials: Credentials | str | None = None) -> Address:
    """Read a ``trino://`` URL; ``?scheme=https`` or ``http`` overrules what port and secret say.

    A text stands for credentials of only a password. Raise ValueError with the known form, and
    when a secret would travel without TLS.
    """
    known = credentials if isinstance(credentials, Credentials) else Credentials(credentials)
    parts = urlsplit(url)
    if parts.scheme != "trino" or not parts.hostname:
        raise ValueError(f"the URL of a Trino cluster is written as {FORM}")
    if not known.are_secret and parts.password:
        known = Credentials(unquote(parts.password), ca_file=known.ca_file, run_as=known.run_as)
    is_tls = known.are_secret or known.ca_file is not None or parts.port in TLS_PORTS
    asked = parse_qs(parts.query).get("scheme", ["https" if is_tls else "http"])[-1]
    if asked not in {"http", "https"}:
        raise ValueError(f"'scheme={asked}' is unknown; it is http or https")
    if known.are_secret and asked == "http":
        raise ValueError(
            "a password needs TLS, and so does a token: leave out scheme=http, or the secret"
        )
    catalog, _, schema = parts.path.strip("/").partition("/")
    return Address(
        scheme=asked,
        host=parts.hostname,
        port=parts.port or (443 if asked == "https" else 8080),
        principal=unquote(parts.username) if parts.username else ME,
        catalog=unquote(catalog) or None,
        schema=unquote(schema) or None,
        credentials=known,
    )
