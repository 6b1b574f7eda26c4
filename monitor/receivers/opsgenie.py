"""Page through Opsgenie, or through Jira Service Management, which keeps Opsgenie's contract."""

import asyncio
from contextlib import suppress
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from pydantic import BeforeValidator, Field, SecretStr

from monitor.api import DeliveryError, Notification, Receipt
from monitor.api.http import HttpReceiver, RefusedError
from monitor.render.page import Page, acknowledging, cut, page_of, short
from monitor.render.units import Zone

JSM = "https://api.atlassian.com/jsm/ops/integration"
HOMES = {"opsgenie": "https://api.opsgenie.com", "eu": "https://api.eu.opsgenie.com", "jsm": JSM}
Home = Annotated[str, BeforeValidator(lambda url: HOMES.get(url, url))]
PAUSES_SECONDS = (0.05, 0.5, 1.0)  # both answer 202 and decide later: asked after each pause


class Opsgenie(HttpReceiver, type="opsgenie"):
    """One alert an incident, by alias. Opsgenie itself ends on 5 April 2027; `jsm` goes on."""

    takes_digests: ClassVar[bool] = False

    key: SecretStr = Field(description="The API key of the integration.")
    base_url: Home = Field(default=HOMES["opsgenie"], description="opsgenie, eu, jsm, or a URL.")
    responders: tuple[str, ...] = Field(default=(), description="Teams: names, in JSM ids.")
    timezone: Zone = Field(default="UTC", description="IANA zone of the times.")

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Create, bring up to date, or close."""
        page = page_of(notification, self.timezone)
        path = f"/v2/alerts/{quote(short(page.key, 512), safe='')}"
        if not page.is_open:
            await self._call("POST", f"{path}/close", {"note": cut(page.summary, 25_000)})
        else:
            taken = await self._call("POST", "/v2/alerts", alert := self._alert(page))
            await self._decided(str(taken["requestId"]))
            if receipt is not None or page.acked_by:
                await self._tell_changes(path, alert, acknowledging(page, receipt))
        return Receipt(self.name, notification.subject, notification.at, page.place)

    def _alert(self, page: Page) -> dict[str, Any]:
        by = "id" if "/jsm/" in self.base_url else "name"
        return {
            "message": cut(page.summary, 130),
            "alias": short(page.key, 512),
            "description": cut(page.text, 15_000),
            "responders": [{"type": "team", by: team} for team in self.responders],
            "tags": [page.tier],
            "details": dict(page.facts),
            "entity": cut(page.source, 512),
            "priority": "P1" if page.is_page else "P3",
        }

    async def _tell_changes(self, path: str, alert: dict[str, Any], ack: str) -> None:
        """Say what is new, for a second create only counts up. JSM may lack all but the first."""
        await self._call("PUT", f"{path}/priority", {"priority": alert["priority"]})
        with suppress(RefusedError):
            if ack:
                await self._call("POST", f"{path}/{ack}", {})
            await self._call("PUT", f"{path}/message", {"message": alert["message"]})
            await self._call("POST", f"{path}/notes", {"note": alert["description"]})

    async def _call(self, verb: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"GenieKey {self.key.get_secret_value()}"}
        query = {} if path == "/v2/alerts" or verb == "GET" else {"identifierType": "alias"}
        url = self.base_url.rstrip("/") + path
        return (await self.call(verb, url, json=body, params=query, headers=headers)).json()

    async def _decided(self, request: str) -> None:
        for pause in PAUSES_SECONDS:
            await asyncio.sleep(pause)
            with suppress(RefusedError):  # not decided yet; or JSM, which may lack this call
                answer = await self._call("GET", f"/v2/alerts/requests/{request}")
                if not answer["data"].get("isSuccess", True):
                    raise DeliveryError(f"refused later: {answer['data']['status']}", is_final=True)
                return
