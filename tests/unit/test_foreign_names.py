"""Names of foreign tools: every provider takes them, no two are alike, and the order does not matter."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightagent.domain.tools.foreign_names import called_as, called_by_models, model_name, resolve_source_name
from tests.support.foreign_tools import NAMES

parts = st.text(st.sampled_from("aAb_-./ é读0deadbf\ud800"), max_size=70) | st.text(max_size=12)


@pytest.mark.parametrize(("server", "tool", "expected"), NAMES)
def test_a_name_is_kept_where_providers_take_it_and_made_where_not(server: str, tool: str, expected: str) -> None:
    name = model_name(server, tool)

    if name != expected:
        assert name.startswith(expected)
        assert re.fullmatch("[0-9a-f]{8}", name.removeprefix(expected))


def test_no_two_of_the_names_are_alike() -> None:
    assert len(NAMES) == 50
    assert len({model_name(server, tool) for server, tool, _ in NAMES}) == 50


@settings(max_examples=200)
@given(parts, parts, parts, parts)
def test_names_are_legal_everywhere_and_of_one_tool_alone(one: str, tool: str, other: str, other_tool: str) -> None:
    name = model_name(one, tool)

    assert re.fullmatch("[A-Za-z_][A-Za-z0-9_-]{0,63}", name)
    assert (name == model_name(other, other_tool)) == ((one, tool) == (other, other_tool))


@given(st.text(st.sampled_from("ab_"), max_size=5), st.text(st.sampled_from("ab_"), max_size=5))
def test_where_the_seam_could_be_elsewhere_the_name_is_made(server: str, tool: str) -> None:
    joined = f"{server}__{tool}"
    seams = [place for place in range(len(joined) - 1) if joined[place : place + 2] == "__"]
    splits = {(joined[:place], joined[place + 2 :]) for place in seams}

    assert sum(model_name(*split) == joined for split in splits) <= 1


def test_a_made_name_is_no_other_tools_plain_name() -> None:
    made = model_name("gh", "repos.create")
    server, _, tool = made.partition("__")

    assert model_name(server, tool) != made


@pytest.mark.parametrize(("server", "tool"), [("gh", "repos.create"), ("microsoft/playwright", "go"), ("a/b", "c/d")])
def test_a_tool_is_written_with_its_server_also_where_their_names_have_slashes(server: str, tool: str) -> None:
    own = [model_name(server, other) for other in ("stop", tool, f"x/{tool}")]

    assert resolve_source_name(f"{server}/{tool}", own) == model_name(server, tool)
    assert set(own) & set(called_as([f"{server}/{tool}", "plain"])) == {model_name(server, tool)}


def test_what_is_written_without_a_slash_is_the_name_itself() -> None:
    assert called_by_models("plain") == ("plain",)
    assert resolve_source_name("plain", []) == "plain"
