"""The declaration shared by all uses of one function as a tool, created once and cached while the function lives.

Building an agent takes microseconds because a declaration is only looked up and does nothing expensive: pydantic,
griffe and jsonschema are imported when the tool is first shown to a model or called.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import FunctionType, MethodType
from weakref import WeakKeyDictionary

from lightagent.aiokits.thread_job import Pace
from lightagent.application.tools.annotations import announced_context
from lightagent.application.tools.arguments import CompiledTool
from lightagent.application.tools.deps import find_deps
from lightagent.application.tools.signature import Function, Signature, check_name, read_signature
from lightagent.application.tools.tool_info import with_marks
from lightagent.application.tools.tool_info_schema import accept_tool_info, compile_info, refuse_mismatch
from lightagent.domain.tools.spec import ToolSpec


class Declaration:
    """A function's signature, its ``tool_info`` if it has one, and what is derived from them on demand.

    It holds no reference to the function, which could otherwise never be garbage-collected.
    """

    __slots__ = ("_announced_deps", "_compiled", "_deps", "_spec", "info", "pace", "signature")

    def __init__(self, signature: Signature, info: Mapping[str, object] | None) -> None:
        self.signature: Signature = signature
        self.info: Mapping[str, object] | None = info
        self.pace: Pace = Pace()
        self._compiled: CompiledTool | None = None
        self._spec: ToolSpec | None = None
        self._announced_deps: object = None
        self._deps: object = None

    def announced_deps(self, function: Function) -> object:
        """Return the type that the tool's context must carry, as far as it is known when an agent is created.

        `object` if any type will do, or if an annotation names something that is not defined yet.
        """
        if self._announced_deps is None:
            self._announced_deps = find_deps(function, self.signature, announced_context(self.signature))
        return self._announced_deps

    def deps(self, function: Function) -> object:
        """Return the same type as known when the tool is called, when everything it names is defined."""
        if self._deps is None:
            self._deps = find_deps(function, self.signature, self.compiled(function).context)
        return self._deps

    def compiled(self, function: Function) -> CompiledTool:
        """Return the compiled tool, cached. Two threads may both compile it the first time, with the same result.

        Raises:
            ConfigurationError: types or names of the declaration are invalid.
        """
        if self._compiled is None:
            if self.info is not None:
                self._compiled = compile_info(function, self.signature, self.info)
            else:
                from lightagent.application.tools.signature_schema import compile_typed

                self._compiled = compile_typed(function, self.signature)
        return self._compiled

    def spec(self, function: Function) -> ToolSpec:
        """Return the tool's own declaration, without options of an agent or a wrapper."""
        if self._spec is None:
            compiled = self.compiled(function)
            title = self.info.get("tool_title") if self.info is not None else None
            name = self.signature.name
            spec = ToolSpec(name, compiled.description, compiled.parameters, str(title or ""))
            self._spec = spec if self.info is None else with_marks(spec, self.info)
        return self._spec


def declare(function: Function, name: str | None = None) -> Declaration:
    """Return the declaration of `function`, from the cache if it was declared before and has not changed.

    Args:
        name: the tool's name, if it is not the function's own.

    Raises:
        ConfigurationError: the function cannot be a tool (see `read_signature`), or its ``tool_info`` is invalid.
    """
    known, holder = _memory(function) if name is None else (None, function)
    info: object = getattr(_innermost(function), "tool_info", None)
    if known is not None:
        found = known.get(holder)
        if found is not None and found.info is info:
            return found
    declaration = _declare(function, info, name)
    if known is not None:
        known[holder] = declaration
    return declaration


def _declare(function: Function, info: object, name: str | None) -> Declaration:
    if info is None:
        return Declaration(read_signature(function, name=name), None)
    accepted = accept_tool_info(info, _innermost(function))
    signature = read_signature(function, name=name or check_name(str(accepted["tool_name"])), typed=False)
    refuse_mismatch(signature, accepted)
    return Declaration(signature, accepted)


_functions: WeakKeyDictionary[Function, Declaration] = WeakKeyDictionary()
_methods: WeakKeyDictionary[Function, Declaration] = WeakKeyDictionary()


def _memory(function: Function) -> tuple[WeakKeyDictionary[Function, Declaration] | None, Function]:
    """Return the cache and its key: a bound method is a new object at every access, so its function is the key."""
    if isinstance(function, FunctionType):
        return _functions, function
    if isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
        return _methods, function.__func__
    return None, function


def _innermost(function: Function) -> Function:
    while isinstance(function, functools.partial):
        function = function.func
    return function
