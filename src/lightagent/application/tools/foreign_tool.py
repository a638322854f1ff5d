"""Ask a tool object, which may be third-party code, for its declaration and the validation of its arguments."""

from __future__ import annotations

from collections.abc import Mapping

from lightagent.application.foreign_code import FAILURES, failure
from lightagent.application.tools.arguments import clip, refused
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.redaction import describe_failure
from lightagent.domain.error_mapping import error_info
from lightagent.domain.errors import LightAgentError, ToolError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.signals import RetryTool
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.tools import Tool


class BrokenTool(ToolError):
    """A tool object failed to declare itself or to check its arguments. It was not called."""


def declared(tool: Tool[DepsT], name: str) -> ToolSpec:
    """Return the tool's declaration; `name` is the name under which it is registered.

    Raises:
        BrokenTool: it has none.
        LightAgentError: any other error that the tool raised, such as a `ConfigurationError` about the types of a
            function.
        asyncio.CancelledError: the run was cancelled.
    """
    try:
        spec: object = tool.spec
    except (*FAILURES, SystemExit) as raised:
        raise _as_tool_error(raised, f"The tool {name!r:.100} could not be declared") from raised
    if not isinstance(spec, ToolSpec):
        raise BrokenTool(
            f"The tool {name!r:.100} declares itself with a {type(spec).__name__}; its spec must be a ToolSpec.",
            guidance="",
        )
    return spec


def checked(tool: Tool[DepsT], name: str, arguments: JsonObject) -> Mapping[str, object]:
    """Return the validated arguments in the form that the tool needs.

    Raises:
        ToolError: the arguments are invalid; the message is for the model.
        BrokenTool: the check itself failed.
        LightAgentError: any other error that the tool raised.
        asyncio.CancelledError: the run was cancelled.
    """
    try:
        found: object = tool.check(arguments)
    except RetryTool as signal:
        raise refused(f"{name} asks for another try: {signal.hint}") from signal
    except (*FAILURES, SystemExit) as raised:
        raise _as_tool_error(raised, f"{clip(name, 100)} failed to check its arguments") from raised
    if not isinstance(found, Mapping):
        kind = type(found).__name__
        raise BrokenTool(f"{clip(name, 100)} checked its arguments into a {kind}, which is not a mapping.", guidance="")
    return found


def _as_tool_error(raised: BaseException, what: str) -> LightAgentError:
    exc = raised if isinstance(raised, SystemExit) else failure(raised)
    if isinstance(exc, LightAgentError) and error_info(exc) is not None:
        return exc
    return BrokenTool(f"{what}: {describe_failure(exc)}", guidance="")
