"""Runs the programs of one page in this interpreter: reads them as JSON, writes what each printed as JSON.

    python run_page.py < programs.json > printed.json

A program is `{"file", "line", "code"}`. The first that raises ends the page; its traceback goes to standard error.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout
from types import ModuleType


def main() -> None:
    page = ModuleType("docs_page")
    sys.modules[page.__name__] = page
    printed: list[str] = []
    for program in json.load(sys.stdin):
        # So that a traceback shows the line of the page.
        code = compile("\n" * (program["line"] - 1) + program["code"], program["file"], "exec")
        with redirect_stdout(io.StringIO()) as said:
            exec(code, vars(page))
        printed.append(said.getvalue())
    json.dump(printed, sys.stdout)


if __name__ == "__main__":
    main()
