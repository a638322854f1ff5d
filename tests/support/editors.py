"""The stores that are edited behind their backs, by kind."""

from collections.abc import Callable
from pathlib import Path

from tests.support.file_editor import FilesEditor
from tests.support.journal_editor import Editor, MemoryEditor, SqliteEditor

EDITORS: dict[str, Callable[[Path], Editor]] = {"memory": MemoryEditor, "sqlite": SqliteEditor, "files": FilesEditor}
