"""A table of what one look costs: python -m bench.evaluate [checks] [minutes]."""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.evaluate.answering import answering
from bench.evaluate.looks import calibrate, cost, over_http, plan_of, ways


def main() -> None:
    """Print a Markdown table."""
    checks = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    minutes = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    unit = calibrate()
    print(f"{checks} checks, one look a minute, {minutes} minutes; calibration {unit:.1f} us\n")
    print("| how it is asked | looks | CPU us a look | calibrations a look |")
    print("|---|---|---|---|")
    with TemporaryDirectory() as name, answering() as url:
        folder = Path(name)
        all_of_them = {
            **ways(folder, checks),
            "Prometheus over HTTP, `batch: false`": over_http(url, checks),
        }
        for place, (way, (source, texts)) in enumerate(all_of_them.items()):
            plan = plan_of(source, texts)
            spent, looks = asyncio.run(cost(plan, folder / f"{place}.db", minutes))
            print(f"| {way} | {looks} | {spent:.0f} | {spent / unit:.1f} |")


if __name__ == "__main__":
    main()
