"""The pages in a real browser: drawn without errors, in light and in dark."""

import asyncio
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

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
    folder = tmp_path_factory.mktemp("pages")
    with opened(folder) as rig, serving(make_web(pages_of(rig))) as server:
        yield address(server)


@contextmanager
def opened(folder: Path) -> Iterator[Rig]:
    if CHROMIUM is None and must_have_all():
        pytest.fail("CI must test in a real browser: apt-get install chromium", pytrace=False)
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    rig = Rig(f"sqlite:///{folder}/m.db")

    async def night(started: Rig) -> None:
        started.source.says(50)
        await started.minutes(4)

    rig.run(night)
    yield rig
    rig.store.close()


def pages_of(rig: Rig) -> Pages:
    made = count(1)
    return Pages(
        store=rig.store,
        clock=rig.clock,
        registry=CollectorRegistry(),
        plan=lambda: rig.engine.plan,
        world=lambda: rig.engine.world,
        trouble=lambda: f"made {next(made)} times",
        count=rig.engine.count,
        doer=rig.engine,
    )


@contextmanager
def serving(app: ASGIApp) -> Iterator[uvicorn.Server]:
    config = uvicorn.Config(app, port=free_port(), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(10)


def address(server: uvicorn.Server) -> str:
    return f"http://127.0.0.1:{server.config.port}"


@dataclass
class Moody:
    """Answers the status page by the moods, one a request; then as it should.

    With the mood ``gone`` it calls ``end`` as soon as the page has its script.
    """

    app: ASGIApp
    moods: list[str]
    end: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mood = self.moods.pop(0) if scope.get("path") == "/" and self.moods else "well"
        if mood == "ill":
            await PlainTextResponse("ill", 503)(scope, receive, send)
        elif mood == "breaks off":
            headers = [(b"content-type", b"text/html"), (b"content-length", b"9999")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"<main>", "more_body": False})
        else:
            await self.app(scope, receive, send)
        if scope.get("path") == "/static/live.js" and self.moods == ["gone"]:
            self.end()


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


def left_open(app: ASGIApp, moods: list[str], seconds: int) -> str:
    """Leave the status page open for a while, and give what it shows then."""
    with serving(Moody(app, moods)) as server:
        moody = server.config.app
        assert isinstance(moody, Moody)
        moody.end = lambda: setattr(server, "should_exit", True)
        wait = f"--virtual-time-budget={seconds * 1000}"
        return browse(wait, "--dump-dom", f"{address(server)}/").stdout


@pytest.mark.parametrize("mood", ["ill", "breaks off", "gone"])
def test_a_page_says_when_the_monitor_does_not_answer_any_more(tmp_path: Path, mood: str) -> None:
    moods = ["well", mood] if mood == "gone" else ["well", mood, mood]
    with opened(tmp_path) as rig:
        shown = left_open(make_web(pages_of(rig)), moods, 35)
    assert '<body class="stale">' in shown
    assert "The monitor does not answer: this page is old." in shown
    assert "made 1 times" in shown  # what was there stays


def test_a_page_says_nothing_more_of_it_once_the_monitor_is_back(tmp_path: Path) -> None:
    with opened(tmp_path) as rig:
        shown = left_open(make_web(pages_of(rig)), ["well", "ill"], 65)
    assert "stale" not in shown
    assert "made 2 times" in shown
