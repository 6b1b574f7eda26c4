"""Incidents and digests as Slack messages."""

from collections.abc import Sequence

from monitor.core.digest import Digest
from monitor.core.incident import IncidentView
from monitor.core.notification import Notification, NotifyReason
from monitor.render.blocks import Block, context, parse, size
from monitor.render.digest import SIGNS, footer, render_digest, verdict_line
from monitor.render.summary import MOST_MEMBERS, headline, state
from monitor.render.templates import Templates, escape
from monitor.render.units import local

DONE = ":large_green_circle:"

MOST_LINKS = 3
PARENT_BLOCKS, PARENT_CHARACTERS = 12, 6000
"""What a message in the channel takes at most: one that fills the screen is scrolled past."""

REPLY_BLOCKS, REPLY_CHARACTERS = 40, 9000
MOST_REPLIES = 8

THREADED = frozenset(
    {
        NotifyReason.FIRST,
        NotifyReason.WORSE,
        NotifyReason.MORE_ALERTS,
        NotifyReason.RESOLVED,
        NotifyReason.FALLBACK,
    }
)
"""Reasons for a line in the thread: an edit of the parent notifies nobody."""

_SHIPPED = Templates()


def incident_blocks(
    view: IncidentView, timezone: str, note: str = "", templates: Templates = _SHIPPED
) -> list[Block]:
    """Show an incident: state, owner, what, what follows from it, what to type.

    One that is larger than a message is cut at its end, and says so.
    """
    links = dict.fromkeys(one for m in view.own for one in (m.link, m.runbook) if one)
    markup = templates.render(
        "slack/incident.j2",
        view=view,
        zone=timezone,
        note=note,
        state=state(view),
        sign=SIGNS[view.incident.tier] if view.is_open else DONE,
        links=list(links)[:MOST_LINKS],
        most=MOST_MEMBERS,
    )
    parts = split(parse(markup), PARENT_BLOCKS - 1, PARENT_CHARACTERS)
    return parts[0] if len(parts) == 1 else [*parts[0], context("There is more: see the pages.")]


def thread_line(notification: Notification, timezone: str) -> str | None:
    """Say in the thread what happened; None for what the edited parent says well enough."""
    if notification.view is None or notification.reason not in THREADED:
        return None
    at = local(notification.at, timezone)
    if notification.reason is NotifyReason.RESOLVED:
        return f"{at}: resolved"
    why = notification.headline or notification.reason
    return f"{at}: {escape(why)}: {escape(headline(notification.view))}"


def digest_messages(digest: Digest, templates: Templates = _SHIPPED) -> list[list[Block]]:
    """Show a digest: the parent message first, each further one goes into its thread.

    What is open comes first and is never cut for what is not; the footer ends the parent. Beyond
    ``MOST_REPLIES`` the rest is left out, which the last reply says.
    """
    markup = render_digest("slack/digest.j2", digest, templates)
    blocks = parse(markup) or parse(escape(verdict_line(digest)))
    # Two blocks are kept for what stands below: that there is more, and the footer.
    first, *rest = split(blocks, PARENT_BLOCKS - 2, PARENT_CHARACTERS - 600)
    replies = split([block for part in rest for block in part], REPLY_BLOCKS, REPLY_CHARACTERS)
    if rest:
        first.append(context("The rest is in the thread."))
    if len(replies) > MOST_REPLIES:
        left_out = sum(len(reply) for reply in replies[MOST_REPLIES:])
        replies = replies[:MOST_REPLIES]
        replies[-1].append(context(f"{left_out} paragraphs are left out here: see the pages."))
    return [[*first, context(escape(footer(digest)))], *replies]


def split(blocks: Sequence[Block], most: int, longest: int) -> list[list[Block]]:
    """Cut a long message into several, none with more blocks or characters than said.

    A single block may be larger than ``longest``; it gets a message of its own.
    """
    messages: list[list[Block]] = []
    room = 0
    for block in blocks:
        length = size([block])
        if not messages or len(messages[-1]) >= most or length > room:
            messages.append([])
            room = longest
        messages[-1].append(block)
        room -= length
    return messages
