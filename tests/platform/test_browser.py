"""The pages in a real browser: drawn without errors, in light and in dark."""

import asyncio
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import uvicorn
from prometheus_client import CollectorRegistry

from monitor.web.pages import Pages, make_web
from tests.engine.rig import Rig
from tests.platform.stack.available import must_have_all
from tests.platform.stack.server import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
DARK = "--blink-settings=preferredColorScheme=0"
PATHS = ("/", "/checks/a", "/silences?matchers=check%3D%22a%22", "/digests", "/maintainers")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of the pages of a rig that has one open incident."""
    if CHROMIUM is None and must_have_all():
        pytest.fail("CI must test in a real browser: apt-get install chromium", pytrace=False)
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    rig = Rig(f"sqlite:///{tmp_path_factory.mktemp('pages')}/m.db")

    async def night(started: Rig) -> None:
        started.source.says(50)
        await started.minutes(4)

    rig.run(night)
    made = count(1)
    pages = Pages(
        store=rig.store,
        clock=rig.clock,
        registry=CollectorRegistry(),
        plan=lambda: rig.engine.plan,
        world=lambda: rig.engine.world,
        trouble=lambda: f"made {next(made)} times",
        count=rig.engine.count,
        doer=rig.engine,
    )
    port = free_port()
    config = uvicorn.Config(make_web(pages), port=port, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)
    rig.store.close()


def browse(*options: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    command = [CHROMIUM, *OPTIONS, *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_drawn_with_its_style_and_without_an_error(site: str, path: str) -> None:
    done = browse("--enable-logging=stderr", "--dump-dom", f"{site}{path}")
    assert "Platform monitor" in done.stdout
    errors = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert errors == []


def test_a_page_follows_the_light_and_the_dark_of_its_reader(site: str, tmp_path: Path) -> None:
    size = "--window-size=1200,900"
    browse(size, f"--screenshot={tmp_path / 'light.png'}", f"{site}/")
    browse(size, DARK, f"--screenshot={tmp_path / 'dark.png'}", f"{site}/")
    light, dark = ((tmp_path / f"{name}.png").read_bytes() for name in ("light", "dark"))
    assert min(len(light), len(dark)) > 10_000
    assert light != dark


def test_a_page_that_somebody_looks_at_keeps_itself_fresh(site: str) -> None:
    """The pages of the fixture count how often they were made, in what they say of trouble."""
    once = browse("--dump-dom", f"{site}/checks/a")
    later = browse("--virtual-time-budget=65000", "--dump-dom", f"{site}/")
    before, after = (int(re.findall(r"made (\d+) times", one.stdout)[0]) for one in (once, later))
    assert after == before + 3
