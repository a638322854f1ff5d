"""The check of an answer: whatever a model or a validator does, it is a value of the type or an `OutputError`."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import pytest
from pydantic import AfterValidator, BaseModel, field_validator

from lightagent import LightAgent, OutputError
from lightagent.application.strict_json import MOST_DEPTH, NotStrictJsonError, read_json
from lightagent.application.structured_output import OutputType
from lightagent.testing import ScriptedModel


class Choice(BaseModel):
    letter: str

    @field_validator("letter")
    @classmethod
    def known(cls, value: str) -> str:
        return {"a": "first"}[value]


def test_a_validator_that_fails_tells_the_model_and_not_the_caller() -> None:
    model = ScriptedModel(['{"letter": "b"}', '{"letter": "a"}'])
    result = LightAgent(model=model, output_type=Choice).run("?", result_format="object")
    assert result.success
    told = model.requests[1].messages[-1].content
    assert isinstance(told, str)
    assert "- the answer could not be validated: KeyError: 'b'" in told


@pytest.mark.parametrize("kind", [KeyError, TypeError, RuntimeError, ZeroDivisionError, RecursionError, OSError])
def test_any_exception_of_a_validator_is_an_output_error(kind: type[Exception]) -> None:
    def refuse(value: int) -> int:
        raise kind("no such thing")

    output: OutputType[int] = OutputType(Annotated[int, AfterValidator(refuse)])
    with pytest.raises(OutputError, match=f"validated: {kind.__name__}: ") as caught:
        output.check('{"result": 1}')
    assert type(caught.value.__cause__) is kind


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ('{"result": NaN}', "the answer holds NaN, which is not JSON; send a finite number or null."),
        ("-Infinity", "the answer holds -Infinity"),
        ("1e999", "the answer holds the number 1e999, which is too large."),
        ('{"result": 1, "result": 2}', "the answer holds the name 'result' twice in one object; send it once."),
        ("9" * 5_000, "an integer of 5,000 digits"),
        ("[" * 301 + "]" * 301, "the answer is nested more than 300 levels deep"),
        ("[" * 200_000, "the answer is nested more than 300 levels deep"),
        ('```json\n{"result": NaN}\n```', "the answer holds NaN"),
        ("{", "the answer is no JSON."),
        ("```\n{\n```", "the answer is no JSON."),
    ],
)
def test_a_number_that_json_lacks_is_no_float(answer: str, told: str) -> None:
    output: OutputType[float] = OutputType(float)
    with pytest.raises(OutputError) as caught:
        output.check(answer)
    assert told in caught.value.message


def test_a_name_twice_is_not_decided_for_the_model() -> None:
    output: OutputType[dict[str, str]] = OutputType(dict[str, str])
    with pytest.raises(OutputError, match="'x' twice"):
        output.check('{"x": "y", "x": "z"}')
    assert output.check('{"x": "y"}') == '{"x": "y"}'


def test_what_is_json_is_read_as_it_is() -> None:
    assert read_json('{"a": [1, -2.5, true, null, "\\ud83d"]}') == {"a": [1, -2.5, True, None, "\ud83d"]}
    assert read_json("[" * MOST_DEPTH + "]" * MOST_DEPTH)
    assert read_json("1" * 4_000, most_digits=None) == int("1" * 4_000)
    assert read_json("[" + "[]," * 1_000 + "[]]", most_depth=2)


@pytest.mark.parametrize(
    ("text", "held", "is_json"),
    [("", False, False), ("[NaN]", True, False), ("1e999", True, True), ("[[[]]]", False, True), ("123", True, True)],
)
def test_a_refusal_says_of_what_kind_it_is(text: str, held: bool, is_json: bool) -> None:
    with pytest.raises(NotStrictJsonError) as caught:
        read_json(text, most_depth=2, most_digits=2)
    assert (caught.value.held, caught.value.is_json) == (held, is_json)
    assert str(caught.value) == f"it {'holds' if held else 'is'} {caught.value.problem}"


@pytest.mark.parametrize(
    "answer",
    [
        '```json\n{"result": 1}\n```',
        '```\n{"result": 1}\n```',
        'Here it is:\n\n```json  \n\n{"result": 1}```\nGood luck.',
        '````\n{"result": 1}\n````',
        'Run ```ls``` first.\n```json\n{"result": 1}\n```\n```json\n{"result": 2}\n```',
    ],
)
def test_the_first_fenced_block_is_the_answer(answer: str) -> None:
    assert OutputType(int).check(answer) == "1"


@pytest.mark.parametrize("answer", ['```json\n{"result": 1}', '```yaml\n{"result": 1}\n```', "```json", "```"])
def test_a_block_that_is_not_closed_or_not_json_is_no_answer(answer: str) -> None:
    with pytest.raises(OutputError, match="the answer is no JSON"):
        OutputType(int).check(answer)


HOSTILE = """
import sys
from lightagent.application.structured_output import OutputType
from lightagent.domain.errors import OutputError

M = 1_000_000
for answer in ("```" + "\\n" * M, "```json" + " " * M, "```json\\n" + "```json " * (M // 8), "`" * M):
    try:
        OutputType(int).check(answer)
    except OutputError:
        continue
    sys.exit(f"{answer[:20]!r} was taken for an answer")
"""


def test_a_megabyte_of_fences_is_refused_at_once() -> None:
    """The watchdog has room for any machine; what reads such a text again and again takes hours."""
    done = subprocess.run([sys.executable, "-c", HOSTILE], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
