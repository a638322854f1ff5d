"""Bad input: each a clear error that names the place and the remedy, before anything goes over the wire."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping

import pytest

from lightagent import ConfigurationError, JsonObject, LightAgent, Limits, ProviderError
from tests.functional.agents import KEY
from tests.servers.aimock import Aimock
from tests.servers.fault_server import FaultServer, Scenario


def case_name(options: Mapping[str, object]) -> str:
    """The name of a case, the same in every process: objects are told by their type, not by their address."""
    return " ".join(f"{name}={re.sub(r' at 0x[0-9a-f]+', '', repr(value))}" for name, value in options.items())


Options = dict[str, object]
NAN = float("nan")
MAKE: Callable[..., object] = LightAgent
"""The constructor as a program without a type checker sees it."""


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def untouched(faults: FaultServer) -> Iterator[Scenario]:
    """An endpoint that no request may reach."""
    scenario = faults.scenario("ok")
    yield scenario
    assert scenario.requests == []


def refused(make: Callable[..., object], options: Options, *texts: str) -> None:
    """Fails unless these options are refused with all these texts, and with a code."""
    with pytest.raises(ConfigurationError, match=r"^\[LA-CONFIG\] ") as caught:
        make(**options)
    assert isinstance(caught.value, ValueError)
    for text in texts:
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({"instruction": "x"}, ["LightAgent has no option 'instruction'", "Did you mean 'instructions'?"]),
        ({"flux": 1}, ["LightAgent has no option 'flux'", "It takes: name, instructions, role, model"]),
        ({"name": 5}, ["name must be str, got int"]),
        ({"tools": add}, ["tools must be list or tuple, got function"]),
        ({"tools": [5]}, ["tools: expected a function, a tool or a source of tools, got int"]),
        ({"tools": [lambda x: x]}, ["'<lambda>' has not", "Give the function a name"]),
        ({"model": 5}, ["model: expected a name or an object with name, stream and aclose, got int"]),
        ({"provider": "opnai"}, ["no chat adapter 'opnai'", "Did you mean 'openai'?"]),
        ({"provider": "os.path"}, ["invalid kind 'os.path'", "never a path to code"]),
        ({"limits": {"max_retry": 2}}, ["limits must be Limits, got dict"]),
        ({"metadata": []}, ["metadata must be Mapping, got list"]),
        ({"prompts": "x"}, ["prompts must be Prompts, got str"]),
        ({"clock": "x"}, ["clock: expected an object with now and monotonic, got str"]),
        ({"log_level": "LOUD"}, ["log_level: unknown level 'LOUD'", "Use DEBUG, INFO, WARNING or ERROR"]),
        ({"log_file": "/no/such/folder/x.log"}, ["log_file: /no/such/folder/x.log cannot be written"]),
        ({"base_url": "nonsense"}, ["model.base_url: 'nonsense' is not an http or https URL with a host"]),
        ({"base_url": ""}, ["model.base_url: '' is not an http or https URL"]),
        ({"base_url": "localhost:8080/v1"}, ["localhost:8080/v1 has no scheme", "write http:// or https://"]),
        ({"base_url": "ftp://host/v1"}, ["'ftp://host/v1' is not an http or https URL"]),
        ({"base_url": "https://user:secret@host/v1"}, ["must not hold a user or password", "headers"]),
        ({"base_url": "https://host/v1/chat/completions"}, ["ends in /chat/completions", "leave that off"]),
    ],
    ids=lambda value: case_name(value) if isinstance(value, dict) else "",
)
def test_an_agent_with_wrong_options_is_refused(options: Options, texts: list[str]) -> None:
    refused(MAKE, {"model": "m", **options}, *texts)


def test_no_error_repeats_a_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        MAKE(model="m", base_url="https://user:secret@host/v1", api_key=KEY)
    assert "secret" not in f"{caught.value!s}{caught.value.details}"


RUNS: list[tuple[Options, list[str]]] = [
    ({"hystory": []}, ["run has no option 'hystory'", "Did you mean 'history'?"]),
    ({"query": 5}, ["query must be text or a list of content parts, got int"]),
    ({"query": [5]}, ["query[0]: this is not plain JSON: an object is expected, got int"]),
    ({"query": [{"type": "text", "text": NAN}]}, ["query[0].text: this is not plain JSON"]),
    ({"user_id": 5}, ["run: user_id must be str, got int"]),
    ({"trace": "yes"}, ["run: trace must be bool, got str"]),
    ({"max_retry": "3"}, ["run: max_retry must be int, got str"]),
    ({"max_retry": True}, ["run: max_retry must be int, got bool"]),
    ({"max_retry": 0}, ["max_retry", "at least 1, got 0"]),
    ({"max_tool_iterations": -1}, ["max_tool_iterations", "at least 0, got -1"]),
    ({"timeout": 0}, ["timeout must be a number of seconds above 0, got 0"]),
    ({"timeout": NAN}, ["timeout must be a number of seconds above 0, got nan"]),
    ({"timeout": "1"}, ["run: timeout must be int or float, got str"]),
    ({"tools": [add, add]}, ["tools: two tools are called 'add'", "Rename one of them"]),
    ({"deps": 5}, ["deps: this agent was made without deps_type=", "deps_type=int"]),
    ({"metadata": "x"}, ["run: metadata must be Mapping, got str"]),
    ({"metadata": {"temperature": NAN}}, ["metadata.temperature: this is not plain JSON"]),
    ({"metadata": {"x": object()}}, ["metadata.x: this is not plain JSON"]),
    ({"result_format": "json"}, ["result_format must be one of str, object, dict, got 'json'"]),
    ({"result_format": "event"}, ["result_format must be one of str, object, dict, got 'event'"]),
    ({"stream": True, "result_format": "object"}, ["result_format must be one of str, event, got 'object'"]),
    ({"stream": True, "result_format": "dict"}, ["result_format must be one of str, event, got 'dict'"]),
]
RUNS += [
    ({"metadata": {name: None}}, [f"metadata.{name}: the run itself decides this", "Pass history=, tools="])
    for name in ("messages", "model", "tools", "stream", "stream_options")
]


@pytest.mark.parametrize(
    ("options", "texts"), RUNS, ids=lambda value: case_name(value) if isinstance(value, dict) else ""
)
def test_a_run_with_wrong_options_is_refused(untouched: Scenario, options: Options, texts: list[str]) -> None:
    """At once, also where the answer would be a stream."""
    agent = LightAgent(model="m", base_url=untouched.base_url)
    run: Callable[..., object] = agent.run
    refused(run, {"query": "x", **options}, *texts)
    if "result_format" not in options:
        refused(run, {"query": "x", "stream": True, **options}, *texts)
    agent.close()


CALL: JsonObject = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SAID: JsonObject = {"role": "assistant", "content": None, "tool_calls": [CALL]}
USER: JsonObject = {"role": "user", "content": "Hello"}


@pytest.mark.parametrize(
    ("history", "texts"),
    [
        ("x", ["run: history must be list or tuple or HistoryReference, got str"]),
        ([USER, 5], ["history[1]: a message is an object with role and content, not int"]),
        ([{"role": "system", "content": "x"}], ["history[0]: a system message", "Pass it as instructions="]),
        ([{"role": "developer", "content": "x"}], ["history[0]: a developer message", "instructions="]),
        ([USER, {"role": "wizard", "content": "x"}], ["history[1].role: 'wizard' is not one of user, assistant, tool"]),
        ([{"content": "x"}], ["history[0].role: None"]),
        ([{"role": "user"}], ["history[0].content: text is wanted, not NoneType"]),
        ([{"role": "user", "content": [{"x": 1}]}], ["history[0].content[0]: every content part is an object"]),
        ([{"role": "assistant", "tool_calls": "x"}], ["history[0].tool_calls: a list of calls is wanted"]),
        ([{"role": "assistant", "tool_calls": [{"id": "a"}]}], ["history[0].tool_calls[0]"]),
        ([USER, SAID], ["the call 'a' has no answer (a message with role tool)"]),
        ([USER, SAID, USER], ["the call 'a' has no answer"]),
        ([{"role": "tool", "tool_call_id": "b", "content": "x"}], ["history[0]: no call 'b' waits for this answer"]),
    ],
)
def test_a_wrong_history_is_refused(untouched: Scenario, history: object, texts: list[str]) -> None:
    agent = LightAgent(model="m", base_url=untouched.base_url)
    refused(agent.run, {"query": "x", "history": history}, *texts)
    agent.close()


@pytest.mark.parametrize("deps", [None, "three"])
def test_missing_or_wrong_dependencies_are_refused(untouched: Scenario, deps: object) -> None:
    agent = LightAgent(model="m", base_url=untouched.base_url, deps_type=int)
    refused(agent.run, {"query": "x", "deps": deps}, "deps: this agent was declared with int", "Pass deps= to each run")
    agent.close()


def test_two_tools_of_one_name_are_refused(untouched: Scenario) -> None:
    agent = LightAgent(model="m", base_url=untouched.base_url, tools=[add])
    refused(agent.run, {"query": "x", "tools": [add]}, "tools: two tools are called 'add'", "Rename one of them")
    agent.close()


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"max_retry": 0}, "max_retry must be a whole number of at least 1, got 0"),
        ({"max_retry": "3"}, "max_retry must be a whole number of at least 1, got '3'"),
        ({"max_output_retries": -1}, "max_output_retries must be a whole number of at least 0, got -1"),
        ({"model_timeout": NAN}, "model_timeout must be a number of seconds above 0, got nan"),
        ({"timeout": -1.0}, "timeout must be a number of seconds above 0, got -1"),
    ],
)
def test_limits_out_of_range_are_refused(limits: Options, text: str) -> None:
    refused(Limits, limits, "limits: ", text)


def test_an_output_type_without_a_schema_is_refused(untouched: Scenario) -> None:
    class Opaque:
        pass

    agent = LightAgent(model="m", base_url=untouched.base_url, output_type=Opaque)
    refused(agent.run, {"query": "x"}, "output_type: no JSON schema can be made of", "Opaque")
    agent.close()


@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_missing_key_is_told_at_the_first_request(key: str | None) -> None:
    """Never at import or construction; nothing is connected for it."""
    agent = LightAgent(model="gpt-4.1", api_key=key, base_url="https://nowhere.invalid/v1")
    with pytest.raises(ProviderError, match=r"^\[LA-401\] There is no API key for nowhere\.invalid\.") as caught:
        agent.run("Hello")
    assert "Set OPENAI_API_KEY or pass api_key=" in str(caught.value)
    error = agent.run("Hello", result_format="object").error
    assert error is not None
    assert (error.code, error.retryable) == ("LA-401", False)
    with pytest.raises(ProviderError, match=r"^\[LA-401\] "):
        next(iter(agent.run("Hello", stream=True)))
    agent.close()


def test_a_key_that_no_header_can_hold_is_refused(untouched: Scenario) -> None:
    agent = LightAgent(model="m", base_url=untouched.base_url, api_key="sk-1\nX-Evil: yes")
    refused(agent.run, {"query": "x"}, "api_key has a character that an HTTP header cannot hold", "line breaks")
    agent.close()


def test_a_bad_url_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "nonsense")
    agent = LightAgent(model="m", api_key=KEY)
    refused(agent.run, {"query": "x"}, "OPENAI_BASE_URL: 'nonsense' is not an http or https URL", "most end in /v1")
    agent.close()


def test_importing_and_making_an_agent_needs_nothing() -> None:
    """In a process of its own without any environment: no key, no network, not a word on stderr."""
    program = "from lightagent import LightAgent; LightAgent(); LightAgent(model='m', provider='openai')"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env={}, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_after_a_refusal_the_agent_is_fine(aimock: Aimock) -> None:
    agent = LightAgent(model="m", base_url=aimock.base_url, api_key=KEY)
    refused(agent.run, {"query": "[plain]", "metadata": {"model": "other"}}, "metadata.model")
    assert agent.run("[plain]", history=[USER], metadata={"temperature": 0}) == "The capital of France is Paris."
    agent.close()
