"""The check of an answer: whatever a model or a validator does, it is a value of the type or an `OutputError`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, field_validator

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
        '```JSON\r\n{"result": 1}\r\n```',
        '~~~json\n{"result": 1}\n~~~',
        '```json title="answer.json" {.numbered}\n{"result": 1}\n```',
        '  - so:\n    ```json\n    {"result": 1}\n    ```',
        '```json {"result": 1} ```',
        '```json\n{"result": 1}',
        "```json\n1\n```",
        "The answer:\n~~~\n1",
        '```python\nprint({})\n```\n```json\n{"result": 1}\n```',
        'It is {"result": 1}, as you [see]. {Really.}',
        'As [1] says: `{"result": 1}`',
        '{"result": 1}\n\nSo, once more: {"result": 1}',
        '\ufeff{"result": 1}',
        "\ufeff\n1\n",
        'Infinity is too much. {"result": 1}',
    ],
)
def test_the_one_value_that_fits_is_the_answer(answer: str) -> None:
    assert OutputType(int).check(answer) == "1"


@pytest.mark.parametrize(
    "answer",
    [
        '<think>Perhaps {"result": 2}?</think>\n{"result": 1}',
        '<think>\n```json\n{"result": 2}\n```\n</think>\n```json\n{"result": 1}\n```',
        '<thinking>{"result": 2}</thinking>{"result": 1}',
        '<Reasoning kind="long">{"result": 2}</Reasoning>{"result": 1}',
        '<thought>{"result": 2}</thought>{"result": 1}',
        '<seed:think>{"result": 2}</seed:think>{"result": 1}',
        '[THINK]{"result": 2}[/THINK]{"result": 1}',
        '◁think▷{"result": 2}◁/think▷{"result": 1}',
        '<|channel|>analysis<|message|>{"result": 2}<|end|><|channel|>final<|message|>{"result": 1}',
        'It may be {"result": 2}.\n</think>\n{"result": 1}',
        'It may be {"result: 2}</think>{"result": 1}',
        '<think>one</think><think>{"result": 2}</think>{"result": 1}',
        '<think>{"result": 1}',
        "<think>hm</think>1",
    ],
)
def test_reasoning_is_not_the_answer(answer: str) -> None:
    assert OutputType(int).check(answer) == "1"


def test_what_stands_in_a_string_is_neither_fence_nor_reasoning() -> None:
    output: OutputType[dict[str, str]] = OutputType(dict[str, str])
    for text in ('```json\n{"a": "b"}\n```', "<think>x</think>", "</think>", "{}", "\ufeff"):
        whole = json.dumps({"text": text}, ensure_ascii=False)
        assert output.check(whole) == output.check(f"Here:\n```json\n{whole}\n```\nDone.") == whole


@pytest.mark.parametrize(
    "answer",
    [
        '```json\n{"result": 1}\n```\n```json\n{"result": 2}\n```',
        'Either {"result": 1} or {"result": 2}.',
        '{"result": 1}\n{"result": 2}',
    ],
)
def test_of_several_values_none_is_chosen(answer: str) -> None:
    with pytest.raises(OutputError, match="holds 2 different values that fit"):
        OutputType(int).check(answer)


@pytest.mark.parametrize(
    "answer",
    ["```json", "```", "", "The answer is 1.", 'Here: {"result": {"result": 1}', "</think>", '[{"result": 1}, {"resu'],
)
def test_what_holds_no_whole_value_is_no_answer(answer: str) -> None:
    with pytest.raises(OutputError, match="the answer is no JSON"):
        OutputType(int).check(answer)


def test_an_object_within_one_that_was_cut_off_is_not_the_answer() -> None:
    class Node(BaseModel):
        value: int
        children: list[Node] = []

    with pytest.raises(OutputError, match="the answer is no JSON"):
        OutputType(Node).check('Here: {"value": 1, "children": [{"value": 2}')


class Sum(BaseModel):
    result: int


class Sorry(BaseModel):
    reason: str = ""


@pytest.mark.parametrize(
    ("form", "answer", "value"),
    [
        (Sum | Sorry, '{"result": 4}', Sum(result=4)),
        (Sum | Sorry, '{"result": {"result": 4}}', Sum(result=4)),
        (Sum | None, '{"result": 4}', Sum(result=4)),
        (Sum | None, '{"result": null}', None),
        (dict[str, int] | list[int], '{"result": 4}', {"result": 4}),
        (dict[str, int] | list[int], '{"result": [4]}', [4]),
        (Sorry | list[int], '{"result": {"reason": "x"}}', Sorry(reason="x")),
    ],
)
def test_a_field_of_that_name_is_no_wrapping(form: object, answer: str, value: object) -> None:
    output: OutputType[object] = OutputType(form)
    assert output.parse(output.check(answer)) == value


class Lenient(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    zip_code: str
    count: Annotated[int, Field(strict=False)] = 0


class Loose(BaseModel):
    model_config = ConfigDict(strict=False)
    metadata: int


class Strict(BaseModel):
    type: int
    loose: Loose
    default: str = Field("", validation_alias=AliasChoices("default", "standard"))


@pytest.mark.parametrize(
    ("form", "answer", "fits"),
    [
        (Lenient, '{"zip_code": 12345, "count": "3"}', True),
        (Strict, '{"type": 1, "loose": {"metadata": "2"}, "standard": "x"}', True),
        (Strict, '{"type": "1", "loose": {"metadata": 2}}', False),
        (Strict, '{"type": 1, "loose": {"metadata": 2}, "default": 3}', False),
        (list[Lenient], '{"result": [{"zip_code": 1, "count": "3"}]}', True),
        (dict[Literal[1, 2], str], '{"1": "a"}', True),
        (dict[Literal[1, 2], str], '{"3": "a"}', False),
        (dict[Literal[True, "x"], str], '{"true": "a", "x": "b"}', True),
        (Annotated[str, Field(coerce_numbers_to_str=True)], '{"result": 1}', True),
        (str | None, '{"result": 1}', False),
        (Annotated[int, Field(strict=False)], '{"result": "1"}', True),
        (int, '{"result": "1"}', False),
    ],
)
def test_a_type_is_strict_unless_it_says_otherwise(form: object, answer: str, fits: bool) -> None:
    output: OutputType[object] = OutputType(form)
    if fits:
        assert output.check(answer)
        return
    with pytest.raises(OutputError):
        output.check(answer)


HOSTILE = """
import sys
from lightagent.application.structured_output import OutputType
from lightagent.domain.errors import OutputError

M = 1_000_000
UNITS = (
    "`", "<", "[", "{", "[ ", "{ ", '{"', '{"a":', "[1,", "[{},", '{"\\"', "<think>", "</think>", "<think></think>",
    "<think ", "~~~\\n", "~~~1\\n", '\\n```\\n"a', "1", "a_", "<a:", "[THINK]", "{" + " " * 190, "x\\n```\\n1",
    '{"result": "1"} ',
)
answers = ["```" + "\\n" * M, "```json" + " " * M, "```json\\n" + "```json " * (M // 8), "x " + '{"result":' + "[" * M]
for answer in answers + [start + unit * (M // len(unit)) for unit in UNITS for start in ("", "x ")]:
    try:
        OutputType(int).check(answer)
    except OutputError:
        continue
    sys.exit(f"{answer[:20]!r} was taken for an answer")
"""


@pytest.mark.timeout(360)
def test_a_megabyte_of_fences_is_refused_at_once() -> None:
    """The watchdog has room for any machine; what reads such a text again and again takes hours."""
    done = subprocess.run([sys.executable, "-c", HOSTILE], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
