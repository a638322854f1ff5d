"""The pages hang together: links lead somewhere, and what the code has the pages name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lightagent import ERROR_TAXONOMY
from tests.docs.blocks import ROOT, anchor, page_name, pages
from tests.docs.package_tree import PAGE, tree

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


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


def test_the_architecture_shows_every_package() -> None:
    """`python -m tests.docs.package_tree` writes the tree."""
    assert tree() in PAGE.read_text(encoding="utf-8")


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
