"""The bodies of calls that change something. ``by`` counts where nobody signed in."""

from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from monitor.core.moments import bounded

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
Moment = Annotated[AwareDatetime, AfterValidator(bounded)]


class Body(BaseModel):
    """What all bodies share: no unknown keys."""

    model_config = ConfigDict(extra="forbid")


class AckBody(Body):
    """Of ``ack``; ``until`` is a moment, or a duration such as ``2h``."""

    by: Name | None = None
    until: Moment | str | None = None
    comment: Text = ""


class ReassignBody(Body):
    """Of ``reassign``."""

    by: Name | None = None
    to: Name
    comment: Text = ""


class AcceptBody(Body):
    """Of ``accept``."""

    by: Name | None = None
    comment: Text = ""


class ResolveBody(Body):
    """Of ``resolve``."""

    by: Name | None = None
    comment: Text = ""


class MatcherBody(BaseModel):
    """A matcher as Alertmanager's API writes it."""

    name: str
    value: str
    isRegex: bool = False  # noqa: N815  # the word of that API
    isEqual: bool = True  # noqa: N815  # as above


class SilenceBody(BaseModel):
    """As in Alertmanager; matchers may also be texts, as in its configuration."""

    id: str | None = Field(default=None, max_length=100)
    matchers: list[MatcherBody | str] = Field(min_length=1)
    startsAt: Moment | None = None  # noqa: N815  # as above
    endsAt: Moment  # noqa: N815  # as above
    createdBy: Name | None = None  # noqa: N815  # as above
    comment: Name
