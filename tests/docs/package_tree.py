"""The tree of packages in docs/architecture.md, made from what each package says of itself.

``python -m tests.docs.package_tree`` writes it into the page.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.blocks import ROOT

PAGE = ROOT / "docs/architecture.md"
PACKAGE = ROOT / "src/lightagent"
WIDTH = 26
BLOCK = re.compile(r"(?<=```text\n)src/lightagent/.*?(?=```\n)", re.DOTALL)


def tree() -> str:
    """Return a line for each package: its folder, and the first sentence of its docstring."""
    return "".join(f"{line}\n" for line in _lines(PACKAGE, 0))


def _lines(folder: Path, depth: int) -> Iterator[str]:
    name = f"{'src/' if depth == 0 else '  ' * depth}{folder.name}/"
    yield f"{name:{WIDTH}} {_sentence(folder / '__init__.py')}"
    for below in sorted(folder.iterdir()):
        if (below / "__init__.py").is_file():
            yield from _lines(below, depth + 1)


def _sentence(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n", maxsplit=1)[0].replace("\n", " ").replace("``", "").replace("`", "")


def main() -> None:
    """Write the tree into the page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda _: tree(), page), encoding="utf-8")


if __name__ == "__main__":
    main()
