"""What every program of the documentation runs in: a reader's machine, with a model behind OPENAI_BASE_URL."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightagent.adapters.chat._providers import PROVIDERS
from tests.docs.blocks import ROOT
from tests.docs.offline_endpoint import offline_endpoint


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The base URL of an OpenAI-compatible server."""
    with offline_endpoint() as base_url:
        yield base_url


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Ours without anything that configures an agent; `lightagent` and `python` are those of this environment."""
    state = tmp_path_factory.mktemp("state")  # Where it is remembered which files are trusted.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LIGHTAGENT_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return {**kept, "PATH": path, "PYTHONIOENCODING": "utf-8", "COLUMNS": "110", "XDG_STATE_HOME": str(state)}


@pytest.fixture
def with_endpoint(environment: dict[str, str], endpoint: str) -> dict[str, str]:
    """The same, with a base URL and a key of every provider."""
    keys = {provider.key: "sk-docs" for provider in PROVIDERS if provider.key}
    return {**environment, **keys, "OPENAI_BASE_URL": endpoint}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader stands: a repository of their own, with the examples copied into it."""
    (tmp_path / ".git").mkdir()
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path
