"""Opsgenie and Jira Service Management, asked which alerts are open."""

from datetime import datetime
from typing import Any, ClassVar

import httpx
from pydantic import Field, PrivateAttr, SecretStr, model_validator

from monitor.api import (
    Answer,
    Asking,
    OpenAlert,
    OpenAlertList,
    OpenAlerts,
    Query,
    Source,
    SourceError,
)
from monitor.api.connections import Connections
from monitor.api.errors import SourceFault

HOMES = {"opsgenie": "https://api.opsgenie.com", "eu": "https://api.eu.opsgenie.com"}
JSM = "https://api.atlassian.com/jsm/ops/api"
MOST = 100
FAULTS: dict[int, SourceFault] = {401: "auth", 403: "auth", 422: "query", 429: "overload"}


class Opsgenie(Source, type="opsgenie"):
    """Its open alerts stand in the digest of the on-call; no check can ask it anything else."""

    answers: ClassVar = frozenset({OpenAlerts})

    key: SecretStr | None = Field(default=None, description="An API key of Opsgenie.")
    base_url: str = Field(default="opsgenie", description="opsgenie, eu, or an address.")
    cloud_id: str | None = Field(default=None, description="JSM: the id of the site.")
    user: str = Field(default="", description="JSM: the address of the account.")
    token: SecretStr | None = Field(default=None, description="JSM: an API token of the account.")
    query: str = Field(default="status:open", description="What is asked for, in their language.")

    _http: Connections = PrivateAttr(default_factory=Connections)

    @model_validator(mode="after")
    def _one_way_in(self) -> "Opsgenie":
        if (self.key is None) == (self.cloud_id is None or self.token is None):
            raise ValueError("give either 'key', or 'cloud_id', 'user' and 'token' for JSM")
        return self

    async def ask(self, query: Query, asking: Asking) -> Answer:
        """Return what is open, the newest first. Raise SourceError."""
        if not isinstance(query, OpenAlerts):
            raise SourceError("query", f"Opsgenie cannot answer {type(query).__name__}")
        try:
            response = await self._http.ask(
                "GET",
                self._url,
                params={"query": self.query, "limit": MOST, "size": MOST, "sort": "createdAt"},
                timeout_seconds=asking.timeout.total_seconds(),
                **self._login,
            )
            response.raise_for_status()
            found = response.json()
        except httpx.TimeoutException as error:
            raise SourceError("timeout", "Opsgenie did not answer in time") from error
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            raise SourceError(FAULTS.get(status, "protocol"), f"Opsgenie: HTTP {status}") from error
        except (httpx.HTTPError, ValueError) as error:
            raise SourceError("unreachable", f"Opsgenie: {error}") from error
        alerts = tuple(_alert(one) for one in found.get("data") or found.get("values") or [])
        return OpenAlertList(observed_at=asking.now, alerts=alerts)

    @property
    def _url(self) -> str:
        if self.cloud_id is not None:
            home = JSM if self.base_url == "opsgenie" else self.base_url.rstrip("/")
            return f"{home}/{self.cloud_id}/v1/alerts"
        return HOMES.get(self.base_url, self.base_url.rstrip("/")) + "/v2/alerts"

    @property
    def _login(self) -> dict[str, Any]:
        if self.key is not None:
            return {"headers": {"Authorization": f"GenieKey {self.key.get_secret_value()}"}}
        assert self.token is not None
        return {"login": (self.user, self.token.get_secret_value())}

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def _alert(one: dict[str, Any]) -> OpenAlert:
    teams = [str(team.get("name") or team.get("id")) for team in one.get("responders") or []]
    created = one.get("createdAt")
    return OpenAlert(
        title=" ".join(str(part) for part in (one.get("priority"), one.get("message")) if part),
        since=datetime.fromisoformat(created) if isinstance(created, str) else None,
        owner=", ".join(teams) or one.get("owner") or None,
    )
