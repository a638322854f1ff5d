"""What is no type is refused when the agent is made, and what a run is given is of the type that was named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NewType, NotRequired, Protocol

import pytest
from typing_extensions import TypeAliasType, TypedDict

from lightagent import ConfigurationError, LightAgent, RunContext, tool
from lightagent.application.type_forms import check_form, is_of_type
from lightagent.testing import ScriptedModel, call_tool


@dataclass
class User:
    name: str


class Admin(User):
    pass


class Login(TypedDict):
    token: str
    note: NotRequired[str]


class Named(Protocol):
    name: str


UserId = NewType("UserId", int)
Logins = TypeAliasType("Logins", list[Login])

NO_TYPES: dict[str, object] = {
    "None": None,
    "a text": "User",
    "a lambda": lambda: User("ann"),
    "a function": len,
    "a method": User("ann").__eq__,
    "a partial": partial(User, "ann"),
    "a number": 5,
    "a list": [User],
    "a pair": (User, int),
}


@pytest.mark.parametrize("given", NO_TYPES.values(), ids=NO_TYPES.keys())
def test_what_is_no_type_is_refused_when_the_agent_is_made(given: object) -> None:
    options: dict[str, object] = {"output_type": given}
    with pytest.raises(ConfigurationError, match="output_type: "):
        made_of(options)
    if given is not None:
        with pytest.raises(ConfigurationError, match="deps_type: "):
            made_of({"deps_type": given})


def made_of(options: Mapping[str, object]) -> object:
    make: type = LightAgent
    made: object = make(model=ScriptedModel([]), **options)
    return made


@pytest.mark.parametrize(
    "form", [User, int | None, list[User], Literal["a"], Login, UserId, Logins, Annotated[int, "x"], Named, tuple]
)
def test_every_type_is_taken(form: object) -> None:
    check_form(form, "output_type")


OF_TYPE: list[tuple[object, object, bool]] = [
    (User("ann"), User, True),
    (Admin("ann"), User, True),
    (User("ann"), Admin, False),
    (None, User, False),
    (None, User | None, True),
    (User("ann"), User | None, True),
    (5, User | None, False),
    ({"token": "t"}, Login, True),
    ({"token": "t", "note": "n"}, Login | None, True),
    ([], Login, False),
    ("t", Login, False),
    ([1], list[int], True),
    ((1,), list[int], False),
    (5, float, True),
    (True, float, False),
    (5, UserId, True),
    ("5", UserId, False),
    ([{"token": "t"}], Logins, True),
    ({}, Logins, False),
    ("a", Literal["a", "b"], True),
    ("c", Literal["a", "b"], False),
    (5, Annotated[int, "x"], True),
    (User("ann"), Named, True),
    (None, Named, False),
    (None, None, True),
    (None, object, True),
]


@pytest.mark.parametrize(("value", "form", "fits"), OF_TYPE)
def test_a_value_is_of_a_type_as_far_as_a_run_can_tell(value: object, form: object, fits: object) -> None:
    assert is_of_type(value, form) is fits


@tool
def whoami(ctx: RunContext[Login]) -> str:
    """Who asks."""
    return ctx.deps["token"]


@tool
def perhaps(ctx: RunContext[User | None]) -> str:
    """Who asks, if anybody is known."""
    return "nobody" if ctx.deps is None else ctx.deps.name


def test_a_typed_dict_can_be_dependencies() -> None:
    agent = LightAgent(model=ScriptedModel([call_tool("whoami"), "Done."]), deps_type=Login, tools=[whoami])
    (call,) = agent.run_result("?", deps={"token": "t"}).tool_calls
    assert call.output == "t"


@pytest.mark.parametrize(("deps", "said"), [(None, "nobody"), (User("ann"), "ann")])
def test_dependencies_that_may_be_none_may_be_left_out(deps: User | None, said: str) -> None:
    model = ScriptedModel([call_tool("perhaps"), "Done.", call_tool("perhaps"), "Done."])
    agent = LightAgent(model=model, deps_type=User | None, tools=[perhaps])
    (call,) = agent.run_result("?", deps=deps).tool_calls
    assert call.output == said
    (call,) = agent.run_result("?").tool_calls
    assert call.output == "nobody"


def test_an_agent_that_needs_less_serves_runs_that_are_given_more() -> None:
    @tool
    def greet(ctx: RunContext[User]) -> str:
        """Greet the user."""
        return f"Hello {ctx.deps.name}"

    agent = LightAgent(model=ScriptedModel([call_tool("greet"), "Done."]), deps_type=User, tools=[greet])
    wider: LightAgent[Admin, object] = agent
    (call,) = wider.run_result("?", deps=Admin("ann")).tool_calls
    assert call.output == "Hello ann"


def test_a_directory_of_skills_that_is_not_there_is_refused_when_the_agent_is_made(tmp_path: Path) -> None:
    there, missing = tmp_path / "skills", tmp_path / "skils"
    there.mkdir()
    with pytest.raises(ConfigurationError, match=r"skills_directories: the directory .*skils.* does not exist"):
        LightAgent(model=ScriptedModel([]), skills_directories=[there, missing])
    LightAgent(model=ScriptedModel([]), skills_directories=there)
