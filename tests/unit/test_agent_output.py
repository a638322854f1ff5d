"""Answers with a type, and the sentences an agent speaks to its model with."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from lightagent import ConfigurationError, LightAgent, Limits, OutputError, Prompts, RunResult
from lightagent.domain.conversation.messages import UserMessage
from lightagent.testing import ScriptedModel


class City(BaseModel):
    name: str
    people: int = Field(ge=0)


class Point(TypedDict):
    x: int
    y: int


class Opaque:
    """Nothing pydantic knows."""


ADA = '{"name": "Ada", "people": 3}'


def ask(agent: LightAgent[None, City]) -> RunResult[City]:
    return agent.run("?", result_format="object", trace=True)


def test_an_answer_becomes_a_value() -> None:
    model = ScriptedModel([ADA])
    result = ask(LightAgent(model=model, output_type=City))
    assert result.output == result.unwrap() == City(name="Ada", people=3)
    assert result.content == ADA
    assert result.to_dict()["output"] == {"name": "Ada", "people": 3}
    (request,) = model.requests
    assert request.output_schema is not None
    assert request.output_schema["type"] == "object"
    prompt = request.messages[0].content
    assert isinstance(prompt, str)
    assert prompt.startswith("You are a helpful assistant.\n\nGive your final answer as one JSON value")
    assert '"people"' in prompt


def test_the_text_form_gives_the_models_words() -> None:
    assert LightAgent(model=ScriptedModel([ADA]), output_type=City).run("?") == ADA


@pytest.mark.parametrize("answer", [f"```json\n{ADA}\n```", f"Here it is:\n```\n{ADA}\n```\nGood luck."])
def test_a_fenced_answer_is_an_answer(answer: str) -> None:
    assert ask(LightAgent(model=ScriptedModel([answer]), output_type=City)).unwrap().name == "Ada"


def test_an_invalid_answer_goes_back_with_its_errors() -> None:
    model = ScriptedModel(["I think it is Ada.", '{"name": "Ada", "people": -1}', '{"people": "3"}', ADA])
    result = ask(LightAgent(model=model, output_type=City))
    assert result.unwrap().people == 3
    last = [message.text for message in model.requests[-1].messages if isinstance(message, UserMessage)]
    assert last[0] == "?"
    assert "the answer is no JSON" in last[1]
    assert "people: Input should be greater than or equal to 0" in last[2]
    assert "name: Field required" in last[3]
    assert "people: Input should be a valid integer" in last[3]
    assert [event["type"] for event in result.trace].count("output_check") == 3
    assert len(result.history()) == 8


def test_after_the_limit_it_is_an_error() -> None:
    model = ScriptedModel(["no"] * 9)
    agent = LightAgent(model=model, output_type=City, limits=Limits(max_output_retries=2))
    result = ask(agent)
    assert len(model.requests) == 3
    assert result.error is not None
    assert (result.error.code, result.content, result.output) == ("LA-OUTPUT", "no", None)
    with pytest.raises(OutputError, match="after 3 attempts"):
        agent.run("?")


def test_no_retries_means_one_attempt() -> None:
    model = ScriptedModel(["no"] * 9)
    ask(LightAgent(model=model, output_type=City, limits=Limits(max_output_retries=0)))
    assert len(model.requests) == 1


def test_types_that_are_no_objects_travel_wrapped() -> None:
    model = ScriptedModel(['{"result": [1, 2]}', "[3]"])
    agent = LightAgent(model=model, output_type=list[int])
    assert agent.run("?", result_format="object").unwrap() == [1, 2]
    assert agent.run("?", result_format="object").unwrap() == [3]
    assert model.requests[0].output_schema == {
        "type": "object",
        "properties": {"result": {"type": "array", "items": {"type": "integer"}}},
        "required": ["result"],
    }


def test_every_form_of_type() -> None:
    point = LightAgent(model=ScriptedModel(['{"x": 1, "y": 2}']), output_type=Point)
    assert point.run("?", result_format="object").unwrap() == {"x": 1, "y": 2}
    either = LightAgent(model=ScriptedModel(['{"result": {"x": 1, "y": 2}}', ADA]), output_type=City | Point)
    assert either.run("?", result_format="object").unwrap() == {"x": 1, "y": 2}
    assert either.run("?", result_format="object").unwrap() == City(name="Ada", people=3)
    mood: LightAgent[None, Literal["good", "bad"]] = LightAgent(
        model=ScriptedModel(['{"result": "fine"}', '"good"']), output_type=Literal["good", "bad"]
    )
    assert mood.run("?", result_format="object").unwrap() == "good"


@pytest.mark.parametrize("answer", ["null", '{"result": null}'])
def test_none_can_be_an_answer(answer: str) -> None:
    result = LightAgent(model=ScriptedModel([answer]), output_type=int | None).run("?", result_format="object")
    assert result.success
    assert result.unwrap() is None


@pytest.mark.parametrize("answer", ["1" * 5000, "[" * 100_000, "NaN", "", "\ud83d", '{"people": 1e999}'])
def test_a_hostile_answer_is_an_invalid_one(answer: str) -> None:
    result = ask(LightAgent(model=ScriptedModel([answer, ADA]), output_type=City))
    assert result.unwrap().name == "Ada"


def test_a_type_without_a_schema_is_refused_before_any_request() -> None:
    model = ScriptedModel(["never"])
    agent = LightAgent(model=model, output_type=Opaque)
    with pytest.raises(ConfigurationError, match="output_type"):
        agent.run("?")
    assert model.requests == ()


def test_a_typed_journal_replays_to_the_value() -> None:
    agent = LightAgent(model=ScriptedModel(["no", ADA]), output_type=City)
    result = ask(agent)
    again = LightAgent(model=ScriptedModel(["never"]), output_type=City).replay(result.journal.to_json())
    assert again.output == result.output


PROMPTS = Prompts(
    instructions="Be you.",
    output_schema="SCHEMA {schema} {{literally}}",
    output_rejected="WRONG {errors}",
)


def test_every_sentence_can_be_replaced() -> None:
    model = ScriptedModel(["no", ADA])
    ask(LightAgent(model=model, output_type=City, prompts=PROMPTS))
    system, *_, rejected = (message.content for message in model.requests[-1].messages)
    assert isinstance(system, str)
    assert system.startswith("Be you.\n\nSCHEMA {")
    assert system.endswith("} {literally}")
    assert rejected == "WRONG - the answer is no JSON."


@pytest.mark.parametrize(
    ("options", "prompt"),
    [
        ({}, "Be you."),
        ({"instructions": "Short."}, "Short."),
        ({"role": "A clerk."}, "A clerk."),
        ({"role": "A clerk.", "instructions": ""}, "A clerk."),
        ({"role": "A clerk.", "instructions": "Short."}, "A clerk.\n\nShort."),
    ],
)
def test_role_and_instructions_take_the_place_of_the_neutral_sentence(options: dict[str, str], prompt: str) -> None:
    model = ScriptedModel(["yes"])
    role, instructions = options.get("role", ""), options.get("instructions")
    LightAgent(model=model, prompts=PROMPTS, role=role, instructions=instructions).run("?")
    assert model.requests[0].messages[0].content == prompt
