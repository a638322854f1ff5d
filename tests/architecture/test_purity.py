"""The domain and the ports decide and describe; nothing in them touches the world."""

import ast
import re

from tests.architecture.source import sources

# Modules that reach the world are barred by .importlinter; these reach it without one.
IMPURE = re.compile(r"^(open|print|input|breakpoint|exec|eval)$|\.(now|utcnow|today)$")


def test_the_inner_rings_touch_nothing() -> None:
    calls = [
        f"{source.name}:{node.lineno}: {ast.unparse(node.func)}"
        for source in sources("src/lightagent/domain", "src/lightagent/ports")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and IMPURE.search(ast.unparse(node.func))
    ]
    assert not calls


def test_the_inner_rings_do_not_wait() -> None:
    """A port declares `async def` without a body; only an application or adapter awaits."""
    waits = [
        f"{source.name}:{node.lineno}"
        for source in sources("src/lightagent/domain", "src/lightagent/ports")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    assert not waits
