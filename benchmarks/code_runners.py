"""What running a program costs: wall time and CPU of one that prints a line, by each runner that there is here.

    python benchmarks/code_runners.py
    python benchmarks/code_runners.py --runs 50

CPU is that of all processes together, the runner's own included. What is shown is the median.
"""

import argparse
import asyncio
import resource
import statistics
import time
from collections.abc import Callable

from lightagent import CodeRunner, ConfigurationError, MontyRunner, SubprocessRunner
from lightagent.domain.code.programs import CodeJob, CodeText

RUNNERS: dict[str, Callable[[], CodeRunner]] = {
    "monty": MontyRunner,
    "subprocess": SubprocessRunner,
    "subprocess, not isolated": lambda: SubprocessRunner(allow_unisolated=True, bubblewrap="/nowhere"),
}
JOB = CodeJob(CodeText("print(6 * 7)"))


def cpu() -> float:
    """Seconds of this process and of all that it waited for."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


async def measure(runner: CodeRunner, runs: int) -> tuple[float, float]:
    """Milliseconds of wall time and of CPU."""
    walls, cpus = [], []
    for _ in range(runs + 3):
        began, used = time.perf_counter(), cpu()
        done = await runner.run(JOB)
        if done.stdout != "42\n":
            raise SystemExit(f"{runner.name} printed {done.stdout + done.stderr!r}.")
        walls.append((time.perf_counter() - began) * 1000)
        cpus.append((cpu() - used) * 1000)
    return statistics.median(walls[3:]), statistics.median(cpus[3:])


def main() -> None:
    """Print a line a runner."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="programs a runner")
    runs = parser.parse_args().runs
    print(f"{'runner':26}{'ms':>8}{'CPU ms':>8}")
    for name, make in RUNNERS.items():
        try:
            wall, used = asyncio.run(measure(make(), runs))
        except ConfigurationError as error:
            print(f"{name:26}  not here: {error.message}")
            continue
        print(f"{name:26}{wall:8.1f}{used:8.1f}")


if __name__ == "__main__":
    main()
