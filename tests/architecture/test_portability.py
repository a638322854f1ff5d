"""The repository means the same on every machine: no path or host of the place where it was written."""

import re
import subprocess

from tests.architecture.source import ROOT

# Written so that this file does not match itself.
ELSEWHERE = re.compile(
    r"(?<![\w.)}])/(?:[w]ork|[o]pt|[r]oot|[h]ome)/"
    r"|[f]iles\.pythonhosted\.org|[p]ypi\.org/simple|[r]egistry\.npmjs|[p]roxy\.golang\.org|[r]epo1?\.maven"
    r"|[i]ndex\.crates\.io|[d]eb\.debian\.org"
)


def test_no_file_names_a_place_of_its_making() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in listed.stdout.splitlines()
        if (ROOT / name).is_file()
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8", errors="ignore").splitlines(), 1)
        if ELSEWHERE.search(line)
    ]
    assert not found, "\n".join(found)
