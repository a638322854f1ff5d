"""What is loaded when, and what is said where something is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lightagent.adapters.registry import install_command

ROOT = Path(__file__).parents[2]
SDKS = ["aiohttp", "openai", "litellm", "typer", "rich", "click", "httpx", "requests", "yarl"]

# The program's modules of other people, and what it printed.
LOADED = """
import json, sys
TOLD = None
PROGRAM
tops = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(json.dumps({"tops": sorted(tops), "told": TOLD}))
"""

IMPORT = "import lightagent"


def test_the_package_is_a_program() -> None:
    asked = [sys.executable, "-m", "lightagent", "--help"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "doctor" in done.stdout


OFFLINE = """
from lightagent import LightAgent

def add(a: int, b: int) -> int:
    "Add two whole numbers."
    return a + b

agent = LightAgent(provider="offline", tools=[add])
chunks = agent.run("Add 2 and 40.", stream=True)
TOLD = [agent.run("Add 2 and 40."), "".join(chunk.choices[0].delta.content or "" for chunk in chunks)]
"""

SCRIPTED = """
from lightagent import LightAgent
from lightagent.testing import ScriptedModel

TOLD = LightAgent(model=ScriptedModel(["yes"])).run("?")
"""

SERVED = """
from lightagent import LightAgent, serve
from lightagent.testing import ScriptedModel

TOLD = len(serve(LightAgent(name="helper", model=ScriptedModel(["yes"]))).routes)
"""

# Packages that are not installed, for this process: as on a machine where nobody asked for the extra.
WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without:
    find_distributions = PathFinder.find_distributions

    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] in MISSING else PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""

NO_EXTRA = """
from lightagent import LightAgent, MissingExtraError
try:
    LightAgent(model="m", provider="litellm")
except MissingExtraError as error:
    assert isinstance(error, ImportError) and isinstance(error, ValueError)
    TOLD = str(error)
"""


def run(program: str, *missing: str) -> tuple[set[str], object]:
    """Which packages the program loaded, and what it told, on a machine without those that are missing."""
    text = LOADED.replace("PROGRAM", program)
    if missing:
        text = WITHOUT.replace("MISSING", repr(set(missing))) + text
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return set(answer["tops"]), answer["told"]


@pytest.mark.parametrize("program", [IMPORT, OFFLINE, SCRIPTED], ids=["import", "offline", "scripted"])
def test_no_sdk_is_loaded_before_it_is_used(program: str) -> None:
    tops, _ = run(program)
    assert tops & set(SDKS) == set()
    assert "lightagent" in tops


def test_a_server_loads_no_sdk_of_a_protocol_before_it_is_spoken() -> None:
    tops, told = run(SERVED)
    assert tops & {"a2a", "ag_ui", "google", "mcp", "mcp_types", "sse_starlette"} == set()
    assert isinstance(told, int)


def test_a_bare_install_works_with_the_offline_model() -> None:
    _, told = run(OFFLINE, *SDKS, "structlog", "prometheus_client")
    assert isinstance(told, list)
    whole, streamed = told
    assert "42" in whole
    assert whole == streamed


@pytest.mark.parametrize("name", ["LightAgent", "lightagent"])
def test_both_import_names_are_one(name: str) -> None:
    _, told = run(f"from {name} import LightAgent, tool, RunResult\nTOLD = LightAgent.__module__")
    assert told == "lightagent.agent"


def test_a_missing_extra_says_what_to_type() -> None:
    _, told = run(NO_EXTRA, "litellm")
    assert isinstance(told, str)
    assert told.startswith("[LA-CONFIG] ")
    assert "Type: pip install 'litellm<2,>=1.110'" in told


def test_without_opentelemetry_its_sink_says_what_to_type_once_it_is_made() -> None:
    program = """
from lightagent import *
from lightagent import OpenTelemetrySink, MissingExtraError
try:
    OpenTelemetrySink(tags=("nightly",))
except MissingExtraError as error:
    TOLD = str(error)
"""
    _, told = run(program, "opentelemetry")
    assert isinstance(told, str)
    assert "'opentelemetry-sdk<2,>=1.45'" in told


def test_the_command_line_says_what_to_type_without_its_extra() -> None:
    program = WITHOUT.replace("MISSING", repr({"typer", "rich", "click"})) + (
        "from lightagent.entrypoints.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Type: pip install 'rich>=13.9' 'typer>=0.15'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_names_the_packages_of_an_extra() -> None:
    assert install_command("cli", "rich") == "pip install 'rich>=13.9' 'typer>=0.15'"
    assert install_command("openai", "openai") == "pip install 'openai<4,>=2'"
    assert install_command("nothing", "sdk", "more") == "pip install 'sdk' 'more'"
