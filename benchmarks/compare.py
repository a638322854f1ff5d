"""What an agent costs beside the model: lightagent, its peers and the raw clients below them, on this machine.

A fake model answers at once, so that only the libraries' own work is left. Each measurement is a process of its own;
the repeats take turns over the libraries, so that whatever else the machine does falls on all of them alike. The table
gives medians, with the ratio to the raw openai client in brackets. Ratios travel between machines; µs do not.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Collection, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import NamedTuple

from processes import MeasurementError, fake_server, measure, raise_file_limit
from table import BASE, Results
from worker import COUNTS, SCENARIOS


class Peer(NamedTuple):
    """What must be importable for a driver to work, and the packages to install for it, its own first."""

    module: str
    packages: str

    @property
    def version(self) -> str:
        return version(self.packages.split()[0].partition("[")[0])


PEERS = {
    "lightagent": Peer("lightagent", "lightagent"),
    "openai": Peer("openai", "openai"),
    "aiohttp": Peer("aiohttp", "aiohttp"),
    "pydantic_ai": Peer("pydantic_ai", "pydantic-ai-slim[openai] opentelemetry-sdk"),
    "openai_agents": Peer("agents", "openai-agents"),
    "agno": Peer("agno", "agno openai"),
    "langgraph": Peer("langchain_openai", "langgraph langchain langchain-openai"),
}
EPILOG = f"""libraries: {", ".join(PEERS)}
scenarios: {", ".join(SCENARIOS)}

examples:
  python benchmarks/compare.py                      all that is installed here: about a minute a library
  python benchmarks/compare.py --only lightagent,openai --reps 9
  python benchmarks/compare.py --scenario with_tool,long_run
  python benchmarks/compare.py --quick --reps 1     does it work at all? Such figures mean nothing

A library that is not installed is left out, and you are told what to install. Progress goes to stderr, the table to
stdout. How to read it: benchmarks/README.md.
"""


def main() -> int:
    """Measure and print; 1 where a measurement failed."""
    options = parse()
    peers = installed(options.only)
    results, load, repeats = Results(), load_now(), f"{options.reps} repeats"
    raise_file_limit()
    try:
        with fake_server() as url:
            for scenario in options.scenario:
                for repeat in range(1, options.reps + 1):
                    tell(f"{scenario}, repeat {repeat} of {options.reps}:", end="")
                    measure_all(results, scenario, peers, url, options.size)
    except KeyboardInterrupt:
        repeats = f"up to {options.reps} repeats: interrupted"
    print(results.table(peers, COUNTS[options.size]))
    ratios = f"; (nx) is the ratio to {BASE}" if BASE in peers else ""
    print(f"\nMedians of {repeats}{ratios}. Load {load}, at the end {load_now()}.")
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; ",
        end="",
    )
    print(", ".join(f"{peer} {PEERS[peer].version}" for peer in peers) + ".")
    if options.size == "quick":
        print("Measured with --quick: these figures mean nothing.")
    return int(results.any_failed)


def measure_all(results: Results, scenario: str, peers: Sequence[str], url: str, size: str) -> None:
    """One repeat of a scenario; what fails once is not tried again."""
    for peer in peers:
        if results.failed(scenario, peer):
            continue
        tell(f" {peer}", end="")
        try:
            results.add(scenario, peer, measure(peer, scenario, url, size))
        except MeasurementError as error:
            results.fail(scenario, peer)
            tell(f"\n{peer} failed in {scenario}: {error}")
    tell("")


def installed(only: Sequence[str] | None) -> list[str]:
    """The libraries to measure; says what to install for the others, and ends where one was asked for by name."""
    missing = [peer for peer in only or PEERS if find_spec(PEERS[peer].module) is None]
    for peer in missing:
        quoted = " ".join(f"'{package}'" if "[" in package else package for package in PEERS[peer].packages.split())
        without = ", and without it there are no ratios" if peer == BASE else ""
        tell(f"{peer} is not installed here{without}. To include it: pip install {quoted}")
    if only and missing:
        raise SystemExit(2)
    return [peer for peer in PEERS if peer in (only or PEERS) and peer not in missing]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    listed = ", comma separated (default: all)"
    parser.add_argument("--only", type=names(PEERS), metavar="NAMES", help="libraries" + listed)
    parser.add_argument(
        "--scenario", type=names(SCENARIOS), metavar="NAMES", default=list(SCENARIOS), help="scenarios" + listed
    )
    parser.add_argument("--reps", type=positive, metavar="N", default=5, help="repeats (default: 5); more are steadier")
    parser.add_argument(
        "--quick",
        dest="size",
        action="store_const",
        const="quick",
        default="full",
        help="tiny counts: a trial, no measurement",
    )
    return parser.parse_args()


def names(known: Collection[str]) -> Callable[[str], list[str]]:
    """Reads a list of names."""

    def names_in(text: str) -> list[str]:
        found = [name.strip() for name in text.split(",")]
        if unknown := [name for name in found if name not in known]:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are {', '.join(known)}")
        return found

    return names_in


def positive(text: str) -> int:
    """Reads how often."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return int(text)


def load_now() -> str:
    """How busy the machine is, where it says."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def tell(text: str, end: str = "\n") -> None:
    """Progress, beside the table."""
    print(text, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
