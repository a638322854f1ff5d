"""What the source distribution holds, and what its pages say of the package."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import yaml

ROOT: Final = Path(__file__).parents[2]
PYPROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TAKEN_ANYWAY: Final = {"README.md", "LICENSE", "pyproject.toml"}
"""What the build puts into every source distribution."""


def test_the_source_distribution_holds_what_make_needs() -> None:
    held = {*PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"], *TAKEN_ANYWAY}
    assert [name for name in held if not (ROOT / name).exists()] == []
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(
        re.findall(r"(?<![\w/.])(constraints[\w-]*\.txt|mypy\.ini|pyrightconfig\.json|\.importlinter)", makefile)
    )
    folders = set(re.findall(r"\b(src|tests|examples|benchmarks)\b", makefile))
    assert named | folders | {path.name for path in ROOT.glob("constraints*.txt")} <= held


def test_pages_link_to_nothing_that_it_lacks() -> None:
    held = {*PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"], *TAKEN_ANYWAY}
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"):
        links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
        assert {link.split("/")[0] for link in links} <= held, page.name


def test_the_project_says_where_it_is_found() -> None:
    urls = PYPROJECT["project"]["urls"]
    assert {"Repository", "Documentation", "Changelog", "Issues", "Security"} <= urls.keys()
    for address in urls.values():
        path = re.fullmatch(r"https://github\.com/wanxingai/LightAgent/blob/main/(.+)", address)
        assert path is None or (ROOT / path[1]).is_file()


def test_the_citation_can_be_read() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["cff-version"] == "1.2.0"
    paper = cited["preferred-citation"]
    assert (paper["doi"], len(paper["authors"])) == ("10.48550/arXiv.2509.09292", 9)
