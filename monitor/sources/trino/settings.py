"""The settings of a Trino source in config.yaml, and what they mean together."""

from pathlib import Path
from typing import Self

from pydantic import Field, PrivateAttr, SecretStr, model_validator

from monitor.api import BlockingSource
from monitor.sources.trino.address import FORM, Address, Credentials, read_address
from monitor.sources.trino.busy import parse_size


class TrinoSettings(BlockingSource):
    """Where the cluster is, who asks it, and how much asking may cost."""

    url: str = Field(
        repr=False,
        description=f"{FORM}; TLS with a secret, on ports 443 and 8443, or by ?scheme=https.",
    )
    password: SecretStr | None = Field(default=None, description="Of the user, for Basic; by TLS.")
    token: SecretStr | None = Field(default=None, description="A JWT that does not change; by TLS.")
    token_file: Path | None = Field(
        default=None, description="A file with a JWT; read at every question, so it may rotate."
    )
    cert_file: Path | None = Field(default=None, description="The monitor's certificate, PEM.")
    key_file: Path | None = Field(default=None, description="The key of the certificate, PEM.")
    ca_file: Path | None = Field(
        default=None, description="What signs the coordinator's certificate; default the system's."
    )
    run_as: str | None = Field(
        default=None, description="Whose rights count (impersonation); default the user of the URL."
    )
    max_concurrency: int = Field(default=1, ge=1, description="Questions under way at once.")
    max_scan: str = Field(
        default="50GB",
        pattern=r"^\d+(B|kB|MB|GB|TB)$",
        description="The most that one query may read; the cluster ends a query that reads more.",
    )
    tries_footers: bool = Field(
        default=False,
        description="Count rows of Hive partitions whose format the user may not see, as if their "
        "files had footers (Parquet, ORC); of one that has none up to 1 GB is read, once.",
    )
    max_rows: int = Field(default=100_000, ge=1, description="The most rows that are read.")
    max_planning: str = Field(
        default="20s", pattern=r"^\d+(s|m)$", description="The longest that planning may take."
    )
    session: dict[str, str] = Field(
        default={}, description="Further session properties, such as `query_priority`."
    )
    canary: bool = Field(
        default=True, description="Time a SELECT 1 once a minute where the load is watched."
    )

    _address: Address = PrivateAttr()

    @model_validator(mode="after")
    def _read_url(self) -> Self:
        given = [self.password, self.token, self.token_file]
        if sum(one is not None for one in given) > 1:
            raise ValueError("give one of `password`, `token` and `token_file`")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("`cert_file` and `key_file` belong together")
        self._address = read_address(self.url, self._credentials())
        return self

    def _credentials(self) -> Credentials:
        pair = (str(self.cert_file), str(self.key_file)) if self.cert_file else None
        return Credentials(
            password=self.password.get_secret_value() if self.password else None,
            token=self.token.get_secret_value() if self.token else None,
            token_file=self.token_file,
            certificate=pair,
            ca_file=str(self.ca_file) if self.ca_file else None,
            run_as=self.run_as,
        )

    def _session_limits(self, most: str | None = None) -> dict[str, str]:
        scan = min(most or self.max_scan, self.max_scan, key=parse_size)
        return {
            "query_max_scan_physical_bytes": scan,
            "query_max_planning_time": self.max_planning,
            **self.session,
        }
