"""Incidents and digests as Slack messages."""

from collections.abc import Callable, Sequence

from monitor.core.digest import Digest
from monitor.core.incident import IncidentView
from monitor.core.model import Tier
from monitor.core.notification import Notification, NotifyReason
from monitor.render.blocks import LONGEST_TEXT, Block, context, cut, parse, section, size
from monitor.render.digest import SIGNS, footer, render_digest, verdict_line
from monitor.render.slack_parts import buttons, chart_blocks
from monitor.render.summary import MOST_MEMBERS, headline, state
from monitor.render.templates import Safe, Templates, escape

DONE = ":large_green_circle:"

MOST_LINKS = 3
PARENT_BLOCKS, PARENT_CHARACTERS = 12, 6000
"""What a message in the channel takes at most: one that fills the screen is scrolled past."""

REPLY_BLOCKS, REPLY_CHARACTERS = 40, 9000
MOST_REPLIES = 8
MOST_CALLED, LONGEST_HEADLINE = 8, 300
"""Open incidents whose owners a digest calls, the worst first, and characters of what each is."""

THREADED = frozenset(
    {
        NotifyReason.FIRST,
        NotifyReason.WORSE,
        NotifyReason.MORE_ALERTS,
        NotifyReason.RESOLVED,
        NotifyReason.FALLBACK,
        NotifyReason.FLAPPING,
        NotifyReason.STEADIED,
        NotifyReason.UNSUPPRESSED,
        NotifyReason.ADOPTED,
        NotifyReason.RELEASED,
        NotifyReason.ACKNOWLEDGED,
        NotifyReason.ACK_ENDED,
        NotifyReason.REASSIGNED,
        NotifyReason.REPEAT,
        NotifyReason.ESCALATED,
    }
)
"""Reasons for a line in the thread: an edit of the parent notifies nobody."""

CALLING = frozenset(
    {
        NotifyReason.WORSE,
        NotifyReason.UNSUPPRESSED,
        NotifyReason.RELEASED,
        NotifyReason.ACK_ENDED,
        NotifyReason.REASSIGNED,
        NotifyReason.REPEAT,
        NotifyReason.ESCALATED,
    }
)
"""Reasons to call the people of an open page by name, in the new line."""

_SHIPPED = Templates()


def incident_blocks(
    view: IncidentView,
    timezone: str,
    note: str = "",
    templates: Templates = _SHIPPED,
    *,
    people: Sequence[str] | None = None,
    has_buttons: bool = False,
) -> list[Block]:
    """Show an incident: state, owner, what, what follows from it, what to type.

    ``people`` stand in for the addresses of the owner's, as mentions. One that is larger than a
    message is cut at its end, and says so.
    """
    links = dict.fromkeys(one for m in view.own for one in (m.link, m.runbook) if one)
    markup = templates.render(
        "slack/alert",
        view.kind,
        view=view,
        zone=timezone,
        note=note,
        state=state(view),
        sign=SIGNS[view.incident.tier] if view.is_open else DONE,
        links=list(links)[:MOST_LINKS],
        most=MOST_MEMBERS,
        people=Safe(", ".join(escape(one) for one in (view.people if people is None else people))),
    )
    parts = split(parse(markup), PARENT_BLOCKS - 2, PARENT_CHARACTERS)
    blocks = parts[0] if len(parts) == 1 else [*parts[0], context("There is more: see the pages.")]
    can_click = has_buttons and view.is_open and view.storm is None
    return [*blocks, buttons(view)] if can_click else blocks


def thread_line(
    notification: Notification,
    timezone: str,
    people: Sequence[str] = (),
    templates: Templates = _SHIPPED,
) -> str | None:
    """Say in the thread what happened; None for what the edited parent says well enough.

    ``people`` are called in the line where somebody must come.
    """
    view = notification.view
    if view is None or notification.reason not in THREADED:
        return None
    line = templates.render(
        "slack/thread",
        view.kind,
        view=view,
        zone=timezone,
        at=notification.at,
        reason=str(notification.reason),
        is_end=notification.reason is NotifyReason.RESOLVED,
        why=_why(notification, view),
        people=[Safe(one) for one in people] if calls(notification) else [],
    )
    return cut(line.strip(), LONGEST_TEXT) or None


def _why(notification: Notification, view: IncidentView) -> str:
    if notification.reason is NotifyReason.RESOLVED:
        return "resolved"
    if notification.reason is NotifyReason.ACKNOWLEDGED and view.incident.ack is not None:
        return view.incident.ack.words
    if notification.reason is NotifyReason.REASSIGNED:
        return f"now with {view.incident.owner}"
    return str(notification.headline or notification.reason)


def calls(notification: Notification) -> bool:
    """Say whether the people of an incident are called by name: for an open page, not for edits."""
    view = notification.view
    if view is None or not view.is_open or view.incident.tier is not Tier.PAGE:
        return False
    return notification.reason in CALLING | {NotifyReason.FIRST}


def digest_messages(digest: Digest, templates: Templates = _SHIPPED) -> list[list[Block]]:
    """Show a digest: the parent message first, each further one goes into its thread.

    What is open comes first and is never cut for what is not; the footer ends the parent. Beyond
    ``MOST_REPLIES`` the rest is left out, which the last reply says.
    """
    markup = render_digest("slack", digest, templates)
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
    for chart in digest.charts if not digest.is_quiet else ():
        replies.append(chart_blocks(chart, digest.timezone))
    return [[*first, context(escape(footer(digest)))], *replies]


def open_blocks(digest: Digest, mention: Callable[[str], str]) -> list[Block]:
    """Call the owners of what is open and nobody has taken yet, with its buttons.

    ``mention`` returns the markup that calls an address. Nothing where all is taken, or a storm.
    """
    found: list[Block] = []
    for view in digest.open:
        if view.incident.ack is None and view.storm is None and len(found) < 2 * MOST_CALLED:
            people = ", ".join(escape(mention(one)) for one in view.people)
            about = escape(cut(headline(view), LONGEST_HEADLINE))
            line = f"{SIGNS[view.incident.tier]} {about}: {people or escape(view.incident.owner)}"
            found += [section(line), buttons(view)]
    return found


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
