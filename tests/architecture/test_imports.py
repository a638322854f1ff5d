"""Who may import what: the rings, no cycles, and an import that costs nothing."""

import graphlib
import json

import grimp

from tests.architecture.source import run_python, sources

# What `import lightagent` may bring along; no SDK is among it.
LIGHT = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}

LIST_THIRD_PARTIES = """
import json, sys
before = set(sys.modules)
import lightagent
tops = {name.partition(".")[0] for name in set(sys.modules) - before} - {"lightagent"}
print(json.dumps(sorted(tops - sys.stdlib_module_names)))
"""
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def test_the_rings_hold() -> None:
    checked = run_python("-c", LINT_IMPORTS, "--no-cache")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = grimp.build_graph("lightagent", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(imports).prepare()


def test_importing_lightagent_loads_no_sdk() -> None:
    listed = run_python("-c", LIST_THIRD_PARTIES)
    assert listed.returncode == 0, listed.stderr
    assert set(json.loads(listed.stdout)) <= LIGHT


def test_nobody_imports_a_mock() -> None:
    mocks = ("unittest.mock", "mock", "pytest_mock")
    importers = {
        source.name
        for source in sources("src", "tests", "examples", "benchmarks")
        if "mock" in source.text
        for imported in source.imports()
        if any(f"{imported}.".startswith(f"{mock}.") for mock in mocks)
    }
    assert not importers
