"""What is refused at once, before any request: result formats, options, queries and agents."""

from __future__ import annotations

import pytest

from lightagent import AgentOptions, ConfigurationError, LightAgent, Limits, Prompts, RunOptions, tool
from lightagent.testing import ScriptedModel


@tool
def double(n: int) -> int:
    """Twice n."""
    return 2 * n


@tool(name="double")
def another(n: int) -> int:
    """Thrice n."""
    return 3 * n


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "unknown form": ({"result_format": "text"}, "result_format"),
    "events without a stream": ({"result_format": "event"}, "result_format"),
    "a form of another type": ({"result_format": None}, "result_format"),
    "a stream of objects": ({"stream": True, "result_format": "object"}, "result_format"),
    "a stream of dicts": ({"stream": True, "result_format": "dict"}, "result_format"),
    "unknown option": ({"usr_id": "u"}, "Did you mean 'user_id'"),
    "name of a tool": ({"tools": ["add"]}, "Names of tools are taken by LightAgent"),
    "user of another type": ({"user_id": 5}, "user_id must be str, got int"),
    "a truth for a number": ({"max_retry": True}, "max_retry must be int, got bool"),
    "text for a truth": ({"trace": "yes"}, "trace must be bool, got str"),
    "no attempt": ({"max_retry": 0}, "max_retry"),
    "negative rounds": ({"max_tool_iterations": -1}, "max_tool_iterations"),
    "no time": ({"timeout": 0}, "timeout"),
    "seconds that are not a number": ({"timeout": float("nan")}, "timeout"),
    "history as text": ({"history": "hi"}, "history"),
    "history of texts": ({"history": ["hi"]}, r"history\[0\]"),
    "history with a system message": ({"history": [{"role": "system", "content": "x"}]}, "instructions"),
    "history with an unknown role": ({"history": [{"role": "root", "content": "x"}]}, r"history\[0\]\.role"),
    "history without content": ({"history": [{"role": "user"}]}, r"history\[0\]\.content"),
    "an answer without a call": ({"history": [{"role": "tool", "tool_call_id": "c", "content": "x"}]}, "'c'"),
    "messages as metadata": ({"metadata": {"messages": []}}, "metadata.messages"),
    "a model as metadata": ({"metadata": {"model": "other"}}, "metadata.model"),
    "tools as metadata": ({"metadata": {"tools": []}}, "metadata.tools"),
    "a stream as metadata": ({"metadata": {"stream": True}}, "metadata.stream"),
    "headers as metadata": (
        {"metadata": {"extra_headers": {}}},
        r"metadata.extra_headers: .*OpenAIChatModel\(…, headers=",
    ),
    "a body as metadata": ({"metadata": {"extra_body": {}}}, "metadata.extra_body"),
    "a query as metadata": ({"metadata": {"extra_query": {}}}, "metadata.extra_query"),
    "a timeout as metadata": ({"metadata": {"timeout": 3}}, "metadata.timeout: .*timeout= to the run"),
    "metadata that is not JSON": ({"metadata": {"x": float("inf")}}, "metadata"),
    "metadata of another type": ({"metadata": "x"}, "metadata"),
    "a tool of another type": ({"tools": [5]}, "tools"),
    "two tools of one name": ({"tools": [another]}, "'double'"),
    "dependencies without deps_type": ({"deps": 5}, "deps"),
}


@pytest.mark.parametrize(("options", "place"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_run_with_wrong_options_is_refused_before_any_request(options: RunOptions, place: str) -> None:
    model = ScriptedModel(["never"])
    asked = LightAgent(model=model, tools=[double])
    with pytest.raises(ValueError, match=place) as caught:
        asked.run("?", **options)
    assert isinstance(caught.value, ConfigurationError)
    assert str(caught.value).startswith("[LA-CONFIG] ")
    if "stream" not in options:
        with pytest.raises(ValueError, match=place):
            await asked.arun("?", **options)
    assert model.requests == ()


@pytest.mark.parametrize("query", [5, None, b"?", {"type": "text"}, [5], [{"text": "?"}], [{"type": "x", "y": {1}}]])
def test_a_query_is_text_or_content_parts(query: str) -> None:
    model = ScriptedModel(["never"])
    with pytest.raises(ValueError, match="query"):
        LightAgent(model=model).run(query)
    assert model.requests == ()


WRONG_AGENTS: dict[str, tuple[dict[str, object], str]] = {
    "unknown option": ({"instruction": "x"}, "Did you mean 'instructions'"),
    "name": ({"name": 5}, "name must be str"),
    "model": ({"model": 5}, "model: "),
    "unknown provider": ({"provider": "opneai", "model": "m"}, "Did you mean 'openai'"),
    "a script without replies": (
        {"provider": "scripted", "model": "m"},
        r"needs its replies. Pass .*ScriptedModel.*\"offline\"",
    ),
    "a path as a provider": ({"provider": "os.system", "model": "m"}, "never a path to code"),
    "tools": ({"tools": 5}, "tools"),
    "a tool": ({"tools": ["x"]}, "tools"),
    "limits": ({"limits": {"max_retry": 1}}, "limits must be Limits"),
    "prompts": ({"prompts": "x"}, "prompts must be Prompts"),
    "clock": ({"clock": 5}, "clock"),
    "ids": ({"ids": 5}, "ids"),
    "log level": ({"log_level": "LOUD"}, "log_level"),
    "log file": ({"log_file": "/no/such/folder/agent.log"}, "log_file"),
    "metadata": ({"metadata": {"messages": []}}, "metadata.messages"),
    "metadata that is not JSON": ({"metadata": {"x": float("inf")}}, "metadata"),
    "metadata for the connection": ({"metadata": {"extra_headers": {"x": "y"}}}, "metadata.extra_headers"),
    "capture_content": ({"capture_content": "no"}, "capture_content must be bool"),
}


@pytest.mark.parametrize(("options", "place"), WRONG_AGENTS.values(), ids=WRONG_AGENTS.keys())
def test_an_agent_with_wrong_options_is_refused(options: AgentOptions, place: str) -> None:
    with pytest.raises(ConfigurationError, match=place):
        LightAgent(**(AgentOptions(model=ScriptedModel(["never"])) | options))


def test_a_refusal_in_a_program_does_not_speak_of_files() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Limits(max_retry=0)
    assert str(caught.value) == "[LA-CONFIG] limits: max_retry must be a whole number of at least 1, got 0."


@pytest.mark.parametrize("limits", [{"max_retry": "3"}, {"max_tool_iterations": 1.5}, {"timeout": True}])
def test_limits_are_checked_where_they_are_made(limits: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=f"limits: {next(iter(limits))}"):
        Limits(**limits)


@pytest.mark.parametrize("name", ["output_schema", "output_rejected", "call_rejected", "call_interrupted"])
@pytest.mark.parametrize("text", ['{"a": 1}', "{other}", "{", "{0}"])
def test_a_prompt_that_cannot_be_filled_in_is_refused(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"prompts: {name}"):
        Prompts(**{name: text})
