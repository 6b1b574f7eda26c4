"""Keep an issue in Jira for each incident."""

from typing import Any, ClassVar

from pydantic import Field, SecretStr

from monitor.api import DeliveryError, Notification, Receipt
from monitor.api.http import HttpReceiver, RefusedError
from monitor.render.issue import document, issue_fields, label_of
from monitor.render.page import Page, page_of
from monitor.render.units import Zone

NOT_FOUND = 404


class Jira(HttpReceiver, type="jira"):
    """One issue an incident: made, commented on, closed. A label finds it: Jira has no keys."""

    rate: ClassVar[float] = 5.0
    takes_digests: ClassVar[bool] = False
    may_page: ClassVar[bool] = False

    base_url: str = Field(description="The site, as https://example.atlassian.net.")
    user: str = Field(description="The address of the account that the token belongs to.")
    token: SecretStr = Field(description="An API token.")
    project: str = Field(description="Key of the project, as OPS.")
    issue_type: str = Field(default="Task", description="Name of the issue type.")
    done: str = Field(default="Done", description="Transition for an incident that is over.")
    reopen: str = Field(default="To Do", description="Transition for one that is back.")
    timezone: Zone = Field(default="UTC", description="IANA zone of the times.")

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Make the issue, or bring it up to date; the comment says what happened."""
        page = page_of(notification, self.timezone)
        issue = (receipt.place.get("issue") if receipt else None) or await self._find(page)
        is_done = await self._is_done(issue) if issue else None
        fields = issue_fields(page)
        if issue is None or is_done is None:
            kind = {"project": {"key": self.project}, "issuetype": {"name": self.issue_type}}
            issue = (await self._call("POST", "issue", {"fields": {**fields, **kind}}))["key"]
        else:
            await self._call("PUT", f"issue/{issue}", {"fields": fields})
            comment = {"body": document(f"{page.reason}\n{page.summary}")}
            await self._call("POST", f"issue/{issue}/comment", comment)
        if bool(is_done) is page.is_open:
            await self._move(issue, self.reopen if page.is_open else self.done)
        return Receipt(self.name, notification.subject, notification.at, {"issue": issue})

    async def _find(self, page: Page) -> str | None:
        jql = f'project = "{self.project}" AND labels = "{label_of(page)}" ORDER BY created DESC'
        body = {"jql": jql, "fields": ["status"], "maxResults": 1}
        found = (await self._call("POST", "search/jql", body))["issues"]
        return str(found[0]["key"]) if found else None

    async def _is_done(self, issue: str) -> bool | None:
        """Say whether an issue is closed; None when somebody deleted it."""
        try:
            found = await self._call("GET", f"issue/{issue}?fields=status")
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return bool(found["fields"]["status"]["statusCategory"]["key"] == "done")

    async def _move(self, issue: str, name: str) -> None:
        known = (await self._call("GET", f"issue/{issue}/transitions"))["transitions"]
        wanted = next((one["id"] for one in known if one["name"] == name), None)
        if wanted is None:
            names = ", ".join(str(one["name"]) for one in known)
            raise DeliveryError(f"{issue} has no transition '{name}', only {names}", is_final=True)
        await self._call("POST", f"issue/{issue}/transitions", {"transition": {"id": wanted}})

    async def _call(self, verb: str, path: str, body: Any = None) -> Any:
        login = (self.user, self.token.get_secret_value())
        url = f"{self.base_url.rstrip('/')}/rest/api/3/{path}"
        answer = await self.call(verb, url, json=body, login=login)
        return answer.json() if answer.content else {}
