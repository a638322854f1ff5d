"""The demo's tools: a model names their arguments, so nothing outside of the repository may be reached."""

import sys
from pathlib import Path

import pytest

from lightagent.entrypoints.cli.tools.files import ToolFunction, load_tool_file

TOOLS = Path(__file__).parents[2] / "examples/repository_tools.py"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository that the tools take for theirs, with a secret outside of it."""
    repository = tmp_path / "repository"
    (repository / "src/deep").mkdir(parents=True)
    (repository / "src/a.py").write_text("one\ntwo\nthree\n")
    (repository / "src/deep/b.py").write_text("b")
    (repository / ".env").write_text("SECRET")
    (tmp_path / "outside.py").write_text("SECRET")
    (repository / "src/link.py").symlink_to(tmp_path / "outside.py")
    (repository / "src/linked").symlink_to(tmp_path)
    load_tool_file(str(TOOLS))
    monkeypatch.setattr(sys.modules["lightagent_tools_repository_tools"], "ROOT", repository)
    return repository


def tool(name: str) -> ToolFunction:
    found: ToolFunction = getattr(sys.modules["lightagent_tools_repository_tools"], name)
    return found


@pytest.mark.usefixtures("root")
def test_files_are_found_and_read() -> None:
    assert tool("find_files")("*.py") == ["src/a.py", "src/deep/b.py"]
    assert tool("find_files")("*.py", "src/deep") == ["src/deep/b.py"]
    assert tool("read_file")("src/a.py", 2, 1) == "two\n… 1 more lines"


@pytest.mark.parametrize(
    "path", ["../outside.py", "src/../../outside.py", "/etc/passwd", ".env", "src/link.py", "src/linked/outside.py"]
)
@pytest.mark.parametrize("reader", ["read_file", "find_files"])
@pytest.mark.usefixtures("root")
def test_what_is_outside_hidden_or_linked_is_refused(reader: str, path: str) -> None:
    arguments = ("*", path) if reader == "find_files" else (path,)
    with pytest.raises(PermissionError):
        tool(reader)(*arguments)


@pytest.mark.usefixtures("root")
def test_large_files_are_refused(root: Path) -> None:
    (root / "large").write_bytes(b"x" * 1_000_001)
    with pytest.raises(ValueError, match="larger than"):
        tool("read_file")("large")


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("expression", "value"), [("12 * (3 + 4)", 84), ("-2 ** 2", -4), ("7 // 2 % 2", 1), ("sqrt(16) + round(2.6)", 7.0)]
)
def test_calculations(expression: str, value: float) -> None:
    assert tool("calculate")(expression) == value


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os')",
        "(1).real",
        "9**9**9",
        "x",
        "1 if 1 else 2",
        "'a' * 9",
        "True",
        "1 +",
        "2**4000 * 2**4000",
        "",
    ],
)
def test_what_is_no_bounded_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"not allowed|too large|no arithmetic|no numbers"):
        tool("calculate")(expression)
