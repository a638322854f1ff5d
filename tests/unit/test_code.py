"""What is to be run, within which limits, and how a model reads what came of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.domain.code.programs import (
    CodeFile,
    CodeFolder,
    CodeJob,
    CodeLimits,
    CodeResult,
    CodeText,
    is_inner_path,
    language_of,
)
from lightagent.domain.code.report import MOST_COMPLAINT, MOST_SHOWN, report
from lightagent.domain.errors import ConfigurationError, ToolError


@pytest.mark.parametrize("name", ["seconds", "memory", "processes", "output", "disk"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "9", None, 1e300, 10**30])
def test_a_limit_is_positive_and_finite(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=name):
        CodeLimits(**{name: value})  # type: ignore[arg-type]  # What settings made in code may hold.


@pytest.mark.parametrize("path", ["", ".", "folder", "../folder", "~/folder", "/tmp\0/x"])
def test_a_folder_is_named_by_its_absolute_path(path: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used as a working directory"):
        CodeFolder(path)


def test_only_seconds_are_parted() -> None:
    assert CodeLimits(seconds=0.5).seconds == 0.5
    with pytest.raises(ConfigurationError, match="whole number"):
        CodeLimits(processes=1.5)  # type: ignore[arg-type]


def test_limits_within_others_are_the_lower_ones() -> None:
    assert CodeLimits(1, 200, 3, 400, 5).within(CodeLimits(10, 20, 30, 40, 50)) == CodeLimits(1, 20, 3, 40, 5)


@pytest.mark.parametrize(
    ("path", "language"),
    [("a.py", "python"), ("x/y.SH", "shell"), ("b.bash", "shell"), ("c.mjs", "javascript"), ("d.js", "javascript")],
)
def test_the_end_of_a_name_tells_the_language(path: str, language: str) -> None:
    assert language_of(path) == language


@pytest.mark.parametrize("path", ["py", "a.txt", "a.py/b", "", ".", "a.", ".py/x"])
def test_other_names_tell_none(path: str) -> None:
    with pytest.raises(ToolError, match="no known language"):
        CodeFile(path)


@pytest.mark.parametrize("path", ["/a.py", "../a.py", "a/../b.py", "./a.py", "a//b.py", "a\\b.py", "a\0.py"])
def test_a_path_stays_in_its_folder(path: str) -> None:
    with pytest.raises(ToolError):
        CodeFile(path)


@given(st.lists(st.sampled_from(["a", "..", ".", "", "b.py", "...", "~"]), max_size=6).map("/".join))
def test_a_path_that_is_taken_leads_below_its_folder(path: str) -> None:
    depth = [len([p for p in path.split("/")[:end] if p not in ("", ".", "..")]) for end in (1, None)]
    assert not is_inner_path(path) or (min(depth) >= 1 and ".." not in path.split("/"))


def test_a_job_is_one_that_can_be_run() -> None:
    with pytest.raises(ToolError, match="without a folder"):
        CodeJob(CodeFile("a.py"))
    with pytest.raises(ToolError, match="NUL"):
        CodeJob(CodeText("1"), ("a\0b",))
    with pytest.raises(ToolError, match="arguments have more"):
        CodeJob(CodeText("1"), ("x" * 70_000,))
    with pytest.raises(ToolError, match="arguments have more"):
        CodeJob(CodeText("1"), ("語" * 30_000,))
    with pytest.raises(ToolError, match="half of a character"):
        CodeJob(CodeText("1"), ("\ud83d",))
    with pytest.raises(ToolError, match="half of a character"):
        CodeText("print('\ud83d')")
    with pytest.raises(ToolError, match="not the path"):
        CodeFile("\ud83d.py")
    with pytest.raises(ToolError, match="at most"):
        CodeText("x" * 2_000_000)
    assert CodeJob(CodeFile("a.py"), folder=CodeFolder("/tmp")).program == CodeFile("a.py")


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (CodeResult(0, "a\nb\n"), "a\nb"),
        (CodeResult(0), "The program ended without any output."),
        (CodeResult(0, "a", "careful\n"), "a\n[standard error]\ncareful"),
        (CodeResult(3), "[The program ended with exit code 3.]"),
        (
            CodeResult(137, "a\n"),
            "a\n[The program ended with exit code 137. It was killed: it may have taken more memory than there is.]",
        ),
        (CodeResult(139), "[The program ended with exit code 139. It crashed.]"),
        (
            CodeResult(None, "a\n", timed_out=True),
            "a\n[The program was stopped after 2 seconds, since its time was over. Have it do less at a time.]",
        ),
        (
            CodeResult(None, "a", truncated=True),
            "a\n[The program was stopped, since it wrote more than 1,000 bytes. Have it print less.]",
        ),
    ],
)
def test_a_model_reads_what_came_of_it(result: CodeResult, text: str) -> None:
    assert report(result, CodeLimits(seconds=2, output=1000)) == text


def test_long_output_hides_no_complaint() -> None:
    told = report(CodeResult(1, "o" * 500_000, "e" * 500_000 + "\nValueError: last"))
    assert len(told) < MOST_SHOWN + MOST_COMPLAINT + 300
    assert told.endswith("ValueError: last\n[The program ended with exit code 1.]")
    assert "characters are left out here" in told
