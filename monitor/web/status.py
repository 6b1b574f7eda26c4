"""The status page."""

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined

from monitor.config.plan import Plan
from monitor.core.incident import IncidentView
from monitor.core.judge import worst
from monitor.core.labels import text_of
from monitor.core.model import Verdict
from monitor.core.state import SliceState
from monitor.render.backfill import commands
from monitor.render.summary import headline

PAGE = Environment(autoescape=True, undefined=StrictUndefined).from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Platform monitor</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<style>
:root { --line: #8884; --ok: #2a7; --warn: #c80; --page: #c33; --dim: #888; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .35rem .6rem;
border-bottom: 1px solid var(--line); vertical-align: top }
th { color: var(--dim); font-weight: 500 }
.tag { border-radius: .3rem; padding: 0 .45rem; color: #fff; background: var(--dim) }
.ok { background: var(--ok) } .warn { background: var(--warn) } .page { background: var(--page) }
pre { background: #8882; padding: .5rem; overflow-x: auto; margin: .3rem 0 }
.dim { color: var(--dim) }
</style></head><body>
<h1>{{ open|length }} open · {{ checks|length }} checks <span class="dim">{{ now }}</span></h1>
{% if trouble %}<p><span class="tag page">trouble</span> {{ trouble }}</p>{% endif %}
{% for problem in problems %}<p><span class="tag warn">configuration</span> {{ problem }}</p>
{% endfor %}
<h2>Open incidents</h2>
{% if not open %}<p class="dim">None.</p>{% endif %}
{% for view, title, since, lines in open %}
<p><span class="tag {{ view.incident.tier }}">{{ view.incident.tier }}</span>
<strong>{{ title }}</strong> <span class="dim">{{ view.incident.maintainer }} · since {{ since }}
</span></p>
{% for member in view.folded %}<p class="dim">because of it: {{ member.resource or member.check }}
({{ member.maintainer }})</p>{% endfor %}
{% for line in lines %}<pre>{{ line }}</pre>{% endfor %}
{% endfor %}
<h2>Resolved in the last day</h2>
{% if not past %}<p class="dim">None.</p>{% endif %}
<table>{% for view, title, since, until in past %}<tr><td>{{ title }}</td>
<td>{{ view.incident.maintainer }}</td><td>{{ since }} to {{ until }}</td></tr>{% endfor %}</table>
<h2>Checks</h2>
<table><tr><th>check</th><th>kind</th><th>maintainer</th><th>now</th><th>last look</th><th>says</th>
</tr>{% for row in checks %}<tr><td>{{ row.id }}</td><td>{{ row.kind }}</td>
<td>{{ row.maintainer }}</td><td><span class="tag {{ row.outcome }}">{{ row.outcome }}</span></td>
<td>{{ row.at }}</td><td>{{ row.says }}</td></tr>{% endfor %}</table>
</body></html>
""")


def status_html(
    plan: Plan,
    views: Sequence[IncidentView],
    states: Sequence[SliceState],
    now: datetime,
    trouble: str | None,
) -> str:
    """Write the page; times are in the zone of the configuration."""
    zone = ZoneInfo(plan.timezone)

    def local(at: datetime | None) -> str:
        return "" if at is None else f"{at.astimezone(zone):%a %d %b %H:%M}"

    newest: dict[str, list[Verdict]] = {}
    for state in states:
        newest.setdefault(state.check, []).append(state.verdict)
    return PAGE.render(
        now=local(now),
        trouble=trouble,
        problems=[str(problem) for problem in plan.problems],
        open=[
            (view, headline(view), local(view.incident.opened_at), commands(view))
            for view in views
            if view.is_open
        ],
        past=[
            (view, headline(view), local(view.incident.opened_at), local(view.incident.resolved_at))
            for view in views
            if not view.is_open
        ],
        checks=[
            _row(check, planned.kind, planned.maintainer, newest.get(check, []), local)
            for check, planned in sorted(plan.checks.items())
        ],
    )


def _row(
    check: str,
    kind: str,
    maintainer: str | None,
    verdicts: Sequence[Verdict],
    local: Callable[[datetime | None], str],
) -> dict[str, str]:
    newest = max((verdict.at for verdict in verdicts), default=None)
    fresh = [verdict for verdict in verdicts if verdict.at == newest]
    top = worst(fresh) if fresh else None
    return {
        "id": check,
        "kind": kind,
        "maintainer": maintainer or "on-call",
        "outcome": top.outcome if top else "not yet",
        "at": local(top.at) if top else "",
        "says": f"{text_of(top.slice)} {top.reason}".strip() if top else "",
    }
