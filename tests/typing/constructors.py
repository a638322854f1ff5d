"""What each way to make an agent infers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_type

from pydantic import BaseModel
from typing_extensions import TypedDict

from lightagent import ChatModel, LightAgent, Limits


@dataclass
class Deps:
    token: str


class City(BaseModel):
    name: str


class Refusal(BaseModel):
    reason: str


class Point(TypedDict):
    x: int
    y: int


def the_four_forms(model: ChatModel) -> None:
    assert_type(LightAgent(model=model), LightAgent[None, str])
    assert_type(LightAgent(output_type=City), LightAgent[None, City])
    assert_type(LightAgent(deps_type=Deps), LightAgent[Deps, str])
    assert_type(LightAgent(deps_type=Deps, output_type=City), LightAgent[Deps, City])


def any_form_can_be_an_output() -> None:
    assert_type(LightAgent(output_type=City | Refusal), LightAgent[None, City | Refusal])
    assert_type(LightAgent(output_type=int | None), LightAgent[None, int | None])
    assert_type(LightAgent(output_type=list[City]), LightAgent[None, list[City]])
    assert_type(LightAgent(output_type=dict[str, list[int]]), LightAgent[None, dict[str, list[int]]])
    assert_type(LightAgent(output_type=tuple[int, str]), LightAgent[None, tuple[int, str]])
    assert_type(LightAgent(output_type=Point), LightAgent[None, Point])
    assert_type(LightAgent(output_type=bool), LightAgent[None, bool])
    assert_type(LightAgent(output_type=str), LightAgent[None, str])


def literals_are_kept() -> None:
    moods: LightAgent[None, Literal["good", "bad"]] = LightAgent(output_type=Literal["good", "bad"])
    assert_type(moods.run("?", result_format="object").unwrap(), Literal["good", "bad"])


def any_form_can_be_dependencies() -> None:
    assert_type(LightAgent(deps_type=Deps | int), LightAgent[Deps | int, str])
    assert_type(LightAgent(deps_type=list[str]), LightAgent[list[str], str])
    assert_type(
        LightAgent(deps_type=dict[str, int], output_type=City | Refusal), LightAgent[dict[str, int], City | Refusal]
    )


def a_bare_name_means_the_defaults(agent: LightAgent) -> None:
    assert_type(agent, LightAgent[None, str])
    assert_type(agent.run("?"), str)


def every_option_is_known(model: ChatModel, tools: Sequence[str]) -> None:
    agent = LightAgent(
        name="a",
        instructions="b",
        role="c",
        model=model,
        api_key=None,
        base_url="http://127.0.0.1/v1",
        provider="openai",
        tools=[len],
        metadata={"temperature": 0, "stop": ["x"]},
        limits=Limits(max_tool_iterations=3, timeout=2.5),
        capture_content=True,
        debug=False,
        log_level="INFO",
        log_file=None,
    )
    assert_type(agent.name, str)
