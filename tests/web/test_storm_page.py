"""The page of a storm: all its incidents, and orders about all of them."""

import re
from pathlib import Path

from tests.engine.rig import Box, Rig
from tests.web.test_site import Reader

NAMES = tuple(f"rows-{n}" for n in range(12))


def test_a_storm_has_a_page_that_lists_its_incidents_and_acknowledges_them(tmp_path: Path) -> None:
    rig = Rig(f"sqlite:///{tmp_path}/monitor.db")

    async def story(started: Rig) -> None:
        reader = Reader(started)
        await started.engine.reload(started.plan(*NAMES))
        await started.minutes(1)
        started.source.says(50.0)
        await started.minutes(1)
        open_now = started.engine.memory.incidents.values()
        (storm,) = [one for one in open_now if one.is_storm]
        apart = Box.told_apart or 0
        assert storm.members == len(NAMES) + 1 - apart  # the rig has one check of its own there
        where = f"/incidents/{storm.id}"
        text = await reader.page(where)
        assert f"{storm.members} incidents at once" in text
        assert f"recsys {storm.members}" in text
        assert len(re.findall(r'<li><a href="/checks/', text)) == storm.members
        assert "/checks/storm" not in text
        done = await reader.send(f"{where}/act", text, do="ack", by="asha")
        assert f"{storm.members} acknowledged" in done
        status = await reader.page("/")
        assert f"<h1>{len(NAMES) + 1} open" in status  # the storm itself is none
        sent = started.sent("recsys-slack")
        assert sent == ["first notification"] * (apart + 1) + [
            "more or fewer incidents in the storm"
        ]

    rig.run(story)
    rig.store.close()
