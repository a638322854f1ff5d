"""Folders of skills for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_skill(
    directory: Path,
    name: str,
    *,
    description: str = "Compares prices.",
    body: str = "# What to do\n\nRead references/guide.md.",
    front: str = "",
    files: Mapping[str, str | bytes] | None = None,
) -> Path:
    """A skill in the directory; `front` holds more lines of the front matter, `files` more files by their paths."""
    text = f"---\nname: {name}\ndescription: {description}\n{front}---\n\n{body}\n"
    return write_folder(directory / name, {"SKILL.md": text, **(files or {})})


def write_folder(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """A folder with these files, by their paths."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder
