"""Twenty skills in the shapes in which published collections have theirs, each with a script and what it answers.

Their texts are our own: of the published ones some may not be copied, and all of them change. `TEST_PUBLISHED_SKILLS`
names a folder of real ones for the long form of the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.skill_folders import write_folder


@dataclass(frozen=True)
class Published:
    """A skill, and a call of its script.

    Attributes:
        name: of the skill.
        document: its SKILL.md.
        files: the others, by their paths.
        script: that is called, with `args` and `stdin`.
        answer: has to be in what the script answers.
        folder: where the skill is, if not in a folder of its name.
    """

    name: str
    document: str | bytes
    files: Mapping[str, str]
    script: str
    answer: str
    args: tuple[str, ...] = ()
    stdin: str = ""
    folder: str = ""

    @property
    def place(self) -> str:
        """Its folder."""
        return self.folder or self.name


def front(name: str, description: str, more: str = "", body: str = "Run the script.") -> str:
    """A SKILL.md."""
    return f"---\nname: {name}\ndescription: {description}\n{more}---\n\n# {name}\n\n{body}\n"


ARGPARSE: Final = """#!/usr/bin/env python3
import argparse

parser = argparse.ArgumentParser(description="Add numbers.")
parser.add_argument("numbers", nargs="+", type=float)
print("sum:", sum(parser.parse_args().numbers))
"""
SIBLING: Final = "from helpers import double\nimport sys\n\nprint(double(int(sys.argv[1])))\n"
TABLE: Final = """import csv
from pathlib import Path

rows = list(csv.DictReader(Path("assets/prices.csv").open()))
print("cheapest:", min(rows, key=lambda row: float(row["price"]))["name"])
"""
SHELL: Final = '#!/bin/bash\nset -euo pipefail\nfor word in "$@"; do echo "<$word>"; done\n'
NODE: Final = 'const text = process.argv.slice(2).join(" ");\nconsole.log(JSON.stringify({length: text.length}));\n'
JSON_IN: Final = "import json, sys\nprint(sum(row['n'] for row in json.load(sys.stdin)))\n"
FAILS: Final = "import sys\nprint('half done')\nprint('no such page', file=sys.stderr)\nsys.exit(3)\n"
TEMPORARY: Final = """import pathlib, tempfile
file = pathlib.Path(tempfile.mkdtemp()) / "draft.txt"
file.write_text("kept")
print(file.read_text())
try:
    pathlib.Path("assets/new.txt").write_text("x")
except OSError:
    print("the skill stays as it is")
"""
CURIOUS: Final = """import os, pathlib, socket
found = [value for value in os.environ.values() if "canary" in value]
for place in ("..", "../..", "/proc/1/environ", "/etc/shadow", "/root", "/home"):
    try:
        path = pathlib.Path(place)
        found += [p.name for p in path.iterdir()] if path.is_dir() else [path.read_text(errors="replace")]
    except OSError:
        pass
try:
    socket.create_connection(("1.1.1.1", 53), timeout=1)
    found.append("network")
except OSError:
    pass
print("canary" if any("canary" in one for one in found) or "network" in found else "nothing found")
"""
PACKAGE: Final = "from office.pages import count\n\nprint('pages:', count('a\\fb'))\n"
LONG: Final = "\n".join(f"{number}. Check point {number}: `value` — and go on." for number in range(500))

SKILLS: Final = (
    Published(
        "add-numbers", front("add-numbers", "Adds."), {"scripts/add.py": ARGPARSE}, "add.py", "sum: 6.5", ("1", "5.5")
    ),
    Published(
        "double-it",
        "---\nname: double-it\ndescription: |-\n  Doubles numbers.\n  TRIGGER when: asked to double.\n---\nGo.\n",
        {"scripts/main.py": SIBLING, "scripts/helpers.py": "def double(x):\n    return 2 * x\n"},
        "scripts/main.py",
        "42",
        ("21",),
    ),
    Published(
        "price-table",
        front("price-table", ">\n  Reads prices\n  from a table.", "license: Complete terms in LICENSE.txt\n"),
        {
            "scripts/cheapest.py": TABLE,
            "assets/prices.csv": "name,price\ntea,3\nrice,2\n",
            "LICENSE.txt": "Apache-2.0\n",
        },
        "scripts/cheapest.py",
        "cheapest: rice",
    ),
    Published(
        "echo-words",
        front("echo-words", '"Echoes words. Triggers include: \\"echo\\"."'),
        {"scripts/echo.sh": SHELL},
        "scripts/echo.sh",
        "<two words>\n<$HOME>",
        ("two words", "$HOME"),
    ),
    Published(
        "count-letters",
        front("count-letters", "Counts."),
        {"scripts/count.js": NODE},
        "count.js",
        '{"length":3}',
        ("a", "b"),
    ),
    Published(
        "colons",
        front("colons", "Use it when: adding, e.g.: 1 + 1"),
        {"scripts/a.py": ARGPARSE},
        "a.py",
        "sum: 2.0",
        ("1", "1"),
    ),
    Published(
        "windows-lines",
        front("windows-lines", "Adds.").replace("\n", "\r\n"),
        {"scripts/a.py": ARGPARSE.replace("\n", "\r\n")},
        "a.py",
        "sum: 1.0",
        ("1",),
    ),
    Published(
        "marked",
        b"\xef\xbb\xbf" + front("marked", "Adds.").encode(),
        {"scripts/a.py": ARGPARSE},
        "a.py",
        "sum: 1.0",
        ("1",),
    ),
    Published(
        "统计",
        front("统计", "统计文本。用于中文文档", body="运行脚本。"),
        {"scripts/统计.py": "import sys\nprint('字数', len(sys.argv[1]))\n"},
        "scripts/统计.py",
        "字数 4",
        ("你好世界",),
    ),
    Published(
        "nested",
        front("nested", "Adds."),
        {"scripts/a.py": ARGPARSE},
        "a.py",
        "sum: 1.0",
        ("1",),
        folder="vendor/tools/nested",
    ),
    Published(
        "more-keys",
        front("more-keys", "Adds.", 'version: 1.2.0\nmodel: opus\nmetadata:\n  author: "Somebody"\n  tags: [a, b]\n'),
        {"scripts/a.py": ARGPARSE},
        "a.py",
        "sum: 1.0",
        ("1",),
    ),
    Published(
        "shell-allowed",
        front("shell-allowed", "Adds.", "allowed-tools:\n  - Read\n  - Bash(python:*)\n"),
        {"scripts/a.py": ARGPARSE},
        "a.py",
        "sum: 1.0",
        ("1",),
    ),
    Published(
        "long-body", front("long-body", "Adds.", body=LONG), {"scripts/a.py": ARGPARSE}, "a.py", "sum: 1.0", ("1",)
    ),
    Published(
        "packaged",
        front("packaged", "Counts pages."),
        {
            "scripts/pages.py": PACKAGE,
            "scripts/office/__init__.py": "",
            "scripts/office/pages.py": "def count(t):\n    return t.count('\\f') + 1\n",
        },
        "scripts/pages.py",
        "pages: 2",
    ),
    Published(
        "at-the-root",
        front("at-the-root", "Adds."),
        {"run.py": ARGPARSE, "forms.md": "Forms."},
        "run.py",
        "sum: 1.0",
        ("1",),
    ),
    Published("title-case", front("Title Case", "Adds."), {"scripts/a.py": ARGPARSE}, "a.py", "sum: 1.0", ("1",)),
    Published(
        "failing",
        front("failing", "Fails."),
        {"scripts/fail.py": FAILS},
        "fail.py",
        "no such page\n[The program ended with exit code 3.]",
    ),
    Published(
        "json-input",
        front("json-input", "Sums rows."),
        {"scripts/rows.py": JSON_IN},
        "rows.py",
        "5",
        stdin='[{"n": 2}, {"n": 3}]',
    ),
    Published(
        "drafts",
        front("drafts", "Writes drafts."),
        {"scripts/draft.py": TEMPORARY, "assets/old.txt": "old"},
        "draft.py",
        "kept\nthe skill stays as it is",
    ),
    Published("curious", front("curious", "Looks around."), {"scripts/look.py": CURIOUS}, "look.py", "nothing found"),
)


def publish(directory: Path) -> None:
    """Write the twenty skills."""
    for one in SKILLS:
        write_folder(directory / one.place, {"SKILL.md": one.document, **one.files})
