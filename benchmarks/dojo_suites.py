"""AgentDojo's suites as they are, typed as far as they are used here; and their tools as tools of an agent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from dojo_effects import EFFECTS, VISIT

from lightagent import JsonObject, RunContext, Tool, ToolSpec
from lightagent.domain.errors import ToolError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.tools.spec import Capability

VERSION = "v1.2.2"
Environment = object


class Call(Protocol):
    """A call that solves a part of a task."""

    function: str
    args: JsonObject


class Task(Protocol):
    """A user's task, or an attacker's."""

    ID: str
    GROUND_TRUTH_OUTPUT: str

    def ground_truth(self, pre_environment: Environment) -> list[Call]: ...


class UserTask(Task, Protocol):
    PROMPT: str

    def init_environment(self, environment: Environment) -> Environment: ...

    def utility(self, model_output: str, pre_environment: Environment, post_environment: Environment) -> bool: ...

    def utility_from_traces(
        self,
        model_output: str,
        pre_environment: Environment,
        post_environment: Environment,
        traces: Sequence[Call],
    ) -> bool | None: ...


class Parameters(Protocol):
    def model_json_schema(self) -> JsonObject: ...


class Function(Protocol):
    name: str
    description: str
    parameters: Parameters


class Suite(Protocol):
    """Tasks in an environment, with the tools that it offers."""

    name: str
    tools: Sequence[Function]
    user_tasks: Mapping[str, UserTask]
    injection_tasks: Mapping[str, Task]

    def get_injection_vector_defaults(self) -> dict[str, str]: ...

    def load_and_inject_default_environment(self, injections: dict[str, str]) -> Environment: ...


class Runtime(Protocol):
    def run_function(
        self, env: Environment, function: str, kwargs: JsonObject, raise_on_error: bool
    ) -> tuple[object, str | None]: ...


class Dojo:
    """The package `agentdojo`, imported past the benchmark of the same name."""

    def __init__(self) -> None:
        own = Path(__file__).resolve().parent
        path = sys.path[:]
        sys.path[:] = [folder for folder in path if Path(folder).resolve() != own]
        try:
            self.suites: Mapping[str, Suite] = import_module("agentdojo.task_suite.load_suites").get_suites(VERSION)
            self.runtime: Callable[[Sequence[Function]], Runtime] = import_module(
                "agentdojo.functions_runtime"
            ).FunctionsRuntime
            execution = import_module("agentdojo.agent_pipeline.tool_execution")
            self.as_text: Callable[[object], str] = execution.tool_result_to_str
        except ImportError as error:
            raise SystemExit(f"AgentDojo is not installed here ({error}): pip install agentdojo") from error
        finally:
            sys.path[:] = path


class DojoTool(Tool[object]):
    """A tool of a suite in one environment.

    Args:
        ran: takes the id and the tool of each call that is carried out.
        mark_visits: reading a web page counts as an outside effect.
    """

    def __init__(
        self,
        dojo: Dojo,
        suite: Suite,
        function: Function,
        environment: Environment,
        ran: Callable[[str, str], None],
        *,
        mark_visits: bool = False,
    ) -> None:
        marked = EFFECTS[suite.name].get(function.name)
        visits: tuple[Capability, ...] = ("read", "network") if mark_visits and function.name == VISIT else ("read",)
        self._spec = ToolSpec(
            function.name,
            function.description,
            function.parameters.model_json_schema(),
            output_limit=1_000_000,
            capabilities=visits if marked is None else marked.capabilities,
        )
        self._dojo = dojo
        self._runtime = dojo.runtime(suite.tools)
        self._environment = environment
        self._ran = ran

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """As they are: the suite's own runtime checks them."""
        return arguments

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
        given = to_json_object(arguments, "arguments")
        self._ran(context.call_id, self._spec.name)
        result, error = self._runtime.run_function(self._environment, self._spec.name, given, raise_on_error=False)
        if error is not None:
            raise ToolError(error, guidance="")
        return self._dojo.as_text(result)


def solved(task: UserTask, before: Environment, after: Environment, calls: Sequence[Call]) -> bool:
    """Whether the user got what was asked for, as the suite sees it."""
    by_calls = task.utility_from_traces(task.GROUND_TRUTH_OUTPUT, before, after, calls)
    return task.utility(task.GROUND_TRUTH_OUTPUT, before, after) if by_calls is None else by_calls
