"""Fair turns at the gate of a source, urgent ones first."""

import asyncio

from monitor.engine.gate import Gate


class Line:
    """People at a gate of one; each notes that his turn came, and takes his time."""

    def __init__(self, free: int = 1) -> None:
        self.gate = Gate(free)
        self.served: list[str] = []
        self.go = asyncio.Event()

    def comes(
        self, team: str, seconds: float = 0.0, *, is_urgent: bool = False
    ) -> asyncio.Task[None]:
        async def turn() -> None:
            await self.gate.enter(team, is_urgent)
            try:
                self.served.append(team)
                await self.go.wait()
                self.gate.charge([team], seconds)
            finally:
                self.gate.leave()

        return asyncio.create_task(turn())

    async def rest(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


def test_teams_take_turns_however_many_of_one_came_first() -> None:
    async def story() -> None:
        line = Line()
        tasks = [line.comes("ads") for _ in range(5)]
        await line.rest()
        tasks += [line.comes("recsys"), line.comes("search"), line.comes("recsys")]
        await line.rest()
        line.go.set()
        await asyncio.gather(*tasks)
        assert line.served == ["ads", "ads", "recsys", "search", "ads", "recsys", "ads", "ads"]

    asyncio.run(story())


def test_a_team_whose_questions_take_long_lets_the_others_pass() -> None:
    async def story() -> None:
        line = Line()
        first = line.comes("ads", seconds=0.25)
        await line.rest()
        tasks = [line.comes(team) for team in ("ads", "recsys", "recsys", "recsys", "recsys")]
        await line.rest()
        line.go.set()
        await asyncio.gather(first, *tasks)
        assert line.served == ["ads", "recsys", "recsys", "recsys", "ads", "recsys"]

    asyncio.run(story())


def test_what_may_page_somebody_goes_first() -> None:
    async def story() -> None:
        line = Line()
        tasks = [line.comes(team) for team in ("ads", "ads", "recsys")]
        await line.rest()
        tasks.append(line.comes("search", is_urgent=True))
        await line.rest()
        line.go.set()
        await asyncio.gather(*tasks)
        assert line.served == ["ads", "search", "ads", "recsys"]

    asyncio.run(story())


def test_who_leaves_the_line_takes_no_turn_and_a_turn_that_came_too_late_is_passed_on() -> None:
    async def story() -> None:
        line = Line()
        first = line.comes("ads")
        await line.rest()
        leaving, late, last = line.comes("ads"), line.comes("ads"), line.comes("ads")
        await line.rest()
        leaving.cancel()
        await line.rest()
        assert line.gate.waiting == 3
        line.go.set()
        while line.gate.waiting > 1:  # noqa: ASYNC110  # the very next step counts
            await asyncio.sleep(0)
        late.cancel()  # its turn has come, and it has not heard of it yet
        await first
        await last
        await asyncio.gather(leaving, late, return_exceptions=True)
        assert line.served == ["ads", "ads"]
        assert line.gate.free == 1

    asyncio.run(story())


def test_as_many_are_let_through_as_the_source_takes() -> None:
    async def story() -> None:
        line = Line(3)
        tasks = [line.comes("ads") for _ in range(5)]
        await line.rest()
        assert len(line.served) == 3
        line.go.set()
        await asyncio.gather(*tasks)
        assert line.gate.free == 3

    asyncio.run(story())


def test_more_are_let_through_while_answers_come_at_once() -> None:
    async def story() -> None:
        gate = Gate(1, ahead=2)
        await gate.enter("ads", is_urgent=False)
        tasks = [asyncio.create_task(gate.enter("ads", is_urgent=False)) for _ in range(5)]
        await asyncio.sleep(0)
        assert gate.waiting == 5
        # One more for each answer that comes at once; after one that takes long, nobody.
        for seconds, left in ((0.001, 3), (0.001, 1), (0.5, 1), (0.5, 1), (0.5, 0)):
            gate.charge(["ads"], seconds)
            gate.leave()
            assert gate.waiting == left
        await asyncio.gather(*tasks)
        gate.leave()
        assert gate.free == 1

    asyncio.run(story())
