"""chat/offline: answers that satisfy an output schema, whatever it is."""

import json
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Literal
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter

from lightagent.adapters.chat.offline import reply_to
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall, ToolMessage, UserMessage
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from tests.unit.offline_tools import Conversation


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    city: str
    zip: str = Field(pattern=r"^\d{5}$")


class Person(BaseModel):
    name: str = Field(min_length=2)
    age: int = Field(ge=0, le=150)
    email: str | None = None
    color: Color
    address: Address
    tags: list[str] = Field(min_length=2)
    kind: Literal["a", "b"]
    score: float = Field(gt=0, lt=1)
    active: bool


class Node(BaseModel):
    value: int
    children: list["Node"] = []


class Weather(BaseModel):
    city: str
    temperature: float
    condition: str


class Exotic(BaseModel):
    day: date
    moment: datetime
    id: UUID
    short: str = Field(max_length=5)
    multiple: int = Field(multiple_of=7, gt=10)
    span: timedelta
    different: set[int] = Field(min_length=3)
    either: Weather | str
    pair: tuple[int, str]
    nothing: None
    counts: dict[str, int]


def answer(schema: JsonObject, question: str, result: str = "") -> str:
    called = AssistantMessage(None, (ToolCall("call_of_another_model", "look_up", "{}"),))
    messages = (UserMessage(question), called, ToolMessage("call_of_another_model", result))
    return reply_to(ChatRequest(messages, output_schema=schema)).content or ""


@pytest.mark.parametrize(
    ("kind", "question"),
    [
        (Person, "Ada Lovelace is 36, lives in London 12345, likes blue, is active"),
        (Person, ""),
        (Node, "the value is 7"),
        (Weather, "the weather"),
        (Exotic, "on 2024-05-01"),
        (int, "how many of the 12?"),
        (list[str], "name 'a' and 'b'"),
        (Color, "the blue one"),
        (bool, "is it so?"),
        (str, "say it"),
    ],
)
def test_an_instance_satisfies_the_schema(kind: type[object], question: str) -> None:
    adapter = TypeAdapter(kind)
    text = answer(adapter.json_schema(), question)
    jsonschema.Draft202012Validator(adapter.json_schema()).validate(json.loads(text))
    adapter.validate_json(text)


def test_it_is_filled_from_the_question() -> None:
    question = "Ada Lovelace is 36, lives in London 12345, likes blue, is active, ada@example.com"
    schema = Person.model_json_schema()
    reply = reply_to(ChatRequest((UserMessage(question),), output_schema=schema))
    person = Person.model_validate_json(reply.content or "")
    assert (person.age, person.color) == (36, Color.BLUE)


async def test_it_is_filled_from_results_of_tools() -> None:
    result = '{"temperature": 22.5, "condition": "sunny", "wind": 3}'
    conversation = Conversation(get_weather=lambda _: result)
    schema = Weather.model_json_schema()
    said = await conversation.ask("What is the weather in Shanghai?", schema=schema)
    assert conversation.calls == [("get_weather", {"city_name": "Shanghai"})]
    assert Weather.model_validate_json(said) == Weather(city="Shanghai", temperature=22.5, condition="sunny")


def schemas() -> st.SearchStrategy[JsonObject]:
    bounds = st.integers(-100, 100)
    leaves = st.one_of(
        st.just({"type": "string"}),
        st.builds(lambda least: {"type": "string", "minLength": least}, st.integers(0, 20)),
        st.builds(lambda low: {"type": "integer", "minimum": low, "maximum": low + 5}, bounds),
        st.builds(lambda low: {"type": "number", "exclusiveMinimum": low, "maximum": low + 5}, bounds),
        st.builds(lambda step: {"type": "integer", "multipleOf": step}, st.integers(1, 9)),
        st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"const": 3}, {"enum": ["x", 2, None]}, {}]),
        st.sampled_from([{"type": "string", "format": "date"}, {"type": ["null", "integer"]}]),
    )

    def grow(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
        return st.one_of(
            st.builds(
                lambda items, least: {"type": "array", "items": items, "minItems": least}, inner, st.integers(0, 3)
            ),
            st.builds(_object, st.dictionaries(st.text(min_size=1, max_size=9), inner, max_size=4), st.integers(0, 4)),
            st.builds(lambda branches: {"anyOf": branches}, st.lists(inner, min_size=1, max_size=3)),
        )

    return st.recursive(leaves, grow, max_leaves=8)


def _object(properties: dict[str, JsonValue], required: int) -> JsonObject:
    needed = list[JsonValue](properties)[:required]
    return {"type": "object", "properties": properties, "required": needed}


@given(schema=schemas(), question=st.text(max_size=60), result=st.text(max_size=60))
def test_any_schema_gets_an_instance(schema: JsonObject, question: str, result: str) -> None:
    text = answer(schema, question, result)
    jsonschema.Draft202012Validator(schema).validate(json.loads(text))
