"""Every adapter is certified: a test class reaches it by its kind and puts it through its port's contract suite.

`adapters/FAMILY/KIND.py` (or a folder KIND) is an adapter; a name that begins with an underscore is a helper of the
family, or of several. Its certificate is a class in `tests/contract/test_FAMILY*.py` with a base class and
`kind = "KIND"`; where it needs a server that is heavy, in `tests/heavy`.
"""

import ast
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT, sources

ADAPTERS = PACKAGE / "adapters"


def _is_adapter(path: Path) -> bool:
    return not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").is_file())


def adapters() -> list[tuple[str, str]]:
    """Family and kind of each, found as the registry finds them."""
    folders = [folder for folder in sorted(ADAPTERS.iterdir()) if not folder.name.startswith("_")]
    families = [folder for folder in folders if (folder / "__init__.py").is_file()]
    return [(family.name, path.stem) for family in families for path in sorted(family.iterdir()) if _is_adapter(path)]


def certified(family: str) -> set[str]:
    return {
        kind
        for source in (*sources("tests/contract"), *sources("tests/heavy"))
        if source.path.stem.startswith(f"test_{family}")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test") and node.bases
        for kind in _kinds(node)
    }


def test_there_are_adapters() -> None:
    assert adapters()


@pytest.mark.parametrize(("family", "kind"), adapters())
def test_an_adapter_is_certified(family: str, kind: str) -> None:
    assert kind in certified(family), (
        f"no class in test_{family}*.py of {ROOT}/tests/contract or heavy has kind = {kind!r}"
    )


def _kinds(certificate: ast.ClassDef) -> set[str]:
    values = {
        ast.unparse(target): node.value
        for node in certificate.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    kind = values.get("kind")
    return {kind.value} if isinstance(kind, ast.Constant) and isinstance(kind.value, str) else set()
