"""The hooks of a program's `hooks=`, read once: in which phases each is called, and how its failures count."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lightagent.application.policies.ask_hook import HookPolicy, TypedHookPolicy
from lightagent.application.policies.handler import Handler, OwnNames, checked_seconds, name_of
from lightagent.application.policies.pipeline import Policy
from lightagent.application.policies.review_desk import DeskPolicy, ReviewDesk
from lightagent.application.policies.typed_hooks import FailureMode, TypedHook, check_naming
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.policy.hooks import FLOW_HOOK_PHASES, HOOK_PHASES, HookPhase
from lightagent.domain.policy.phases import FLOW_PHASES

OBSERVING_SECONDS: Final = 5.0
"""Seconds for one call of an observing hook, unless it sets its own."""


@dataclass(frozen=True, slots=True)
class PolicyHook:
    """A hook that protects something: if it fails, the payload is blocked.

    Attributes:
        handler: a function of a `HookContext`, or an object with methods named after phases.
        phases: where it is called; None: at every phase, or those that the object has methods for.
        failure_mode: ``block``, or ``continue`` to go on if it raises, takes too long or returns an invalid answer.
        timeout: seconds for one call, which is cancelled then; None: as long as the run may take.
        name: what it is known by; by default the function's name.

    Raises:
        ConfigurationError: the mode or the timeout is not valid, a phase is unknown, or nothing would be called
            at one of them.
    """

    handler: object
    phases: Collection[str] | None = None
    failure_mode: FailureMode = "block"
    timeout: float | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        _check(self.handler, self.phases, "PolicyHook")
        check_naming(self.failure_mode, self.name, "PolicyHook")
        checked_seconds(self.timeout, "PolicyHook")


@dataclass(frozen=True, slots=True)
class ObservingHook:
    """A hook that only observes: its answer does not count, and a failure is on record without further effect.

    Attributes:
        handler: a function of a `HookContext`, or an object with methods named after phases.
        phases: where it is called; None: at every phase, or those that the object has methods for.
        timeout: seconds that the run waits for one call.
        name: what it is known by; by default the function's name.

    Raises:
        ConfigurationError: the timeout is not valid, a phase is unknown, or nothing would be called at one of them.
    """

    handler: object
    phases: Collection[str] | None = None
    timeout: float = OBSERVING_SECONDS
    name: str | None = None

    def __post_init__(self) -> None:
        _check(self.handler, self.phases, "ObservingHook")
        check_naming("continue", self.name, "ObservingHook")
        if checked_seconds(self.timeout, "ObservingHook") is None:
            raise ConfigurationError(
                "ObservingHook: it needs a timeout, since it may not delay the run for ever.",
                guidance="Pass a number of seconds.",
            )


def hook_policies(hooks: Iterable[object]) -> list[Policy]:
    """The policies for these hooks, in their order; at the end of a run `on_error` comes before `after_run`.

    Raises:
        ConfigurationError: one is not a hook, or names a phase that does not exist.
    """
    names = OwnNames("hook")
    found = [phase_and_policy for hook in hooks for phase_and_policy in _policies(hook, names, HOOK_PHASES)]
    return [policy for _, policy in sorted(found, key=lambda one: one[0] == "after_run")]


def flow_hook_policies(hooks: Iterable[object]) -> list[Policy]:
    """The policies for these hooks of a flow, in their order.

    Raises:
        ConfigurationError: one is not a hook, names a phase that does not exist, or only phases that flows do not
            have: it seems to protect something, and would not.
    """
    names, found = OwnNames("hook"), list[Policy]()
    for hook in hooks:
        policies = [policy for _, policy in _policies(hook, names, FLOW_HOOK_PHASES)]
        if not policies or not all(policy.phases <= FLOW_PHASES for policy in policies):
            raise ConfigurationError(
                "LightFlow: hooks: one of them is called at no phase of a flow.",
                guidance=f"Phases of flows: {', '.join(FLOW_HOOK_PHASES)}. Give other hooks to the agents.",
            )
        found += policies
    return found


def _policies(hook: object, names: OwnNames, met: Collection[HookPhase]) -> Iterator[tuple[str, Policy]]:
    """Its policies, each with the phase in which it is called."""
    if isinstance(hook, ReviewDesk):
        if hook.tools is None or hook.tools:
            yield "before_tool_call", DeskPolicy(names.own(hook.name), hook)
        return
    if isinstance(hook, TypedHook):
        yield hook.phase, TypedHookPolicy(names.own(hook.name), hook)
        return
    handler, phases, timeout, mode, name = _read(hook)
    own = names.own(name or name_of(handler))
    for phase, function in _functions(handler, phases, met):
        called = Handler(function, f"hooks: {own}", ("context",), timeout)
        yield phase, HookPolicy(own, phase, called, mode)


def _read(
    hook: object,
) -> tuple[object, Collection[str] | None, float | None, FailureMode | None, str | None]:
    match hook:
        case PolicyHook():
            return hook.handler, hook.phases, hook.timeout, hook.failure_mode, hook.name
        case ObservingHook():
            return hook.handler, hook.phases, hook.timeout, None, hook.name
        case _:
            _check(hook, None, "hooks")
            return hook, None, None, "continue", None


def _functions(
    handler: object, phases: Collection[str] | None, met: Collection[HookPhase]
) -> Iterator[tuple[HookPhase, Callable[..., object]]]:
    """The phases of a run that a hook is called in, each with the function that is called."""
    for phase in met:
        if phases is None or phase in phases:
            method: object = getattr(handler, phase, None)
            if callable(method):
                yield phase, method
            elif callable(handler):
                yield phase, handler


def _check(handler: object, phases: Collection[str] | None, what: str) -> None:
    known = (*HOOK_PHASES, *FLOW_HOOK_PHASES)
    if isinstance(handler, (PolicyHook, ObservingHook, TypedHook, ReviewDesk)):
        raise ConfigurationError(f"{what}: a {type(handler).__name__} is a hook already.", guidance="List it itself.")
    if isinstance(handler, type):
        raise ConfigurationError(f"{what}: got the class {handler.__name__} itself.", guidance="Pass an object of it.")
    if not callable(handler) and not any(callable(getattr(handler, phase, None)) for phase in known):
        raise ConfigurationError(
            f"{what}: expected a function, or an object with methods named after phases, got {type(handler).__name__}.",
            guidance=f"Phases: {', '.join(known)}.",
        )
    if phases is not None:
        _check_phases(handler, phases, what, known)


def _check_phases(handler: object, phases: object, what: str, known: Collection[str]) -> None:
    """Raise if a hook would never be called: it seems to protect something, and would not."""
    if isinstance(phases, str) or not isinstance(phases, Collection) or not phases:
        raise ConfigurationError(
            f"{what}: phases must be a set of names, at least one.", guidance="Pass None for every phase."
        )
    named: Collection[object] = phases
    for phase in named:
        if not isinstance(phase, str) or phase not in known:
            raise ConfigurationError(
                f"{what}: phases: {phase!r:.60} is not a phase.", guidance=f"Phases: {', '.join(known)}."
            )
        if not callable(handler) and not callable(getattr(handler, phase, None)):
            raise ConfigurationError(
                f"{what}: phases names {phase}, and {type(handler).__name__} has no method {phase}.",
                guidance="Name the method after the phase, or leave the phase out.",
            )
