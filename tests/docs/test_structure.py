"""The pages hang together: links lead somewhere, and what the code has the pages name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lightagent import ERROR_TAXONOMY
from tests.docs.blocks import ROOT, anchor, blocks, page_name, pages

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
PACKAGE = ROOT / "src/lightagent"
OWN_FOLDERS = (
    *("aiokits", "domain", "ports", "application", "application/projections", "adapters", "adapters/chat", "settings"),
    *("testing", "testing/contracts", "entrypoints/cli"),
)


@pytest.mark.parametrize("page", [*pages(), ROOT / "CHANGELOG.md"], ids=page_name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(_prose(page)):
        if re.match(r"https?://|mailto:", target):
            continue
        path, _, place = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page_name(page)} links to {target}"
        assert not place or place in anchors(linked), f"{page_name(page)} links to {target}"


def test_the_index_lists_every_page() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "index.md" and page.name not in index]
    assert not missing


def test_the_architecture_names_every_module() -> None:
    """In its tree: every file of the package's top and of the rings' own folders, and every folder below."""
    (text,) = (block.text for block in blocks(ROOT / "docs/architecture.md") if "src/LightAgent.py" in block.text)
    files = {path.name for path in PACKAGE.glob("*.py")}
    folders = {path for path in PACKAGE.rglob("*") if path.is_dir() and (path / "__init__.py").is_file()}
    named = files | {f"{path.name}/" for path in folders}
    for ring in OWN_FOLDERS:
        named |= {path.stem for path in (PACKAGE / ring).glob("*.py") if path.stem != "__init__"}
    missing = sorted(name for name in named if not re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text))
    assert not missing


def test_every_error_code_is_explained() -> None:
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    for code, info in ERROR_TAXONOMY.items():
        again = "yes" if info.retryable else "no"
        assert f"| {code} | {info.message} | {info.guidance} | {again} |" in text


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return set(map(anchor, headings))


def _prose(page: Path) -> str:
    """The page without its code."""
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
