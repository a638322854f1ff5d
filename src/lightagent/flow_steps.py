"""What the steps of a flow are: how they are declared, and what is wrong with them."""

from __future__ import annotations

from datetime import timedelta
from typing import Never, Self

from typing_extensions import Unpack

from lightagent.application.flow.flow_step import LightFlowStep, definition_of
from lightagent.application.flow.step_code import take_code
from lightagent.compose.flow.parts import FlowParts, compose_flow
from lightagent.compose.flow.step_kinds import compose_loop, compose_map, compose_offer, compose_sleep, compose_wait_for
from lightagent.compose.flow.steps import compose_step
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.validation import validate
from lightagent.flow_options import FlowList, FlowMoment, FlowOptions, StepCondition, StepOptions, WaitOptions
from lightagent.ports.journals import JournalStore


class FlowSteps:
    """The steps of a flow."""

    def __init__(self, *, store: JournalStore | None = None, **options: Unpack[FlowOptions]) -> None:
        self._parts = compose_flow(store, options)
        self._known: dict[tuple[str, bool], LightFlowStep] = {}
        self._declared: tuple[LightFlowStep, ...] | None = ()

    @property
    def name(self) -> str:
        """The name of the flow, for traces and listings."""
        return self._parts.name

    @property
    def parts(self) -> FlowParts:
        """What it is made of besides its steps."""
        return self._parts

    @property
    def steps(self) -> tuple[LightFlowStep, ...]:
        """Its steps, in the order in which they were declared."""
        return tuple(step for step in self.declared if not step.offered)

    @property
    def declared(self) -> tuple[LightFlowStep, ...]:
        """Its steps, in the order in which they were declared, and those that it offers."""
        # Made only where somebody looks after a declaration: else a thousand steps are copied a thousand times.
        found = self._declared
        if found is None:
            found = self._declared = tuple(self._known.values())
        return found

    def step(self, name: str, *unnamed: Never, **options: Unpack[StepOptions]) -> Self:
        """Declare a step, and return the flow.

        Args:
            name: unique among the steps.
            **options: see `StepOptions`.

        Raises:
            ConfigurationError: an unknown option, a wrong type, or a name that is taken.
        """
        if unnamed:
            raise TypeError("step() takes all but the name by name, as in .step('write', agent=writer).")
        return self._declare(compose_step(name, options))

    def map(self, name: str, over: FlowList, **options: Unpack[StepOptions]) -> Self:
        """Declare a step that is done once for each item of a list, and return the flow. Its output is a list.

        The items are independent: as many as the flow's `max_parallel` go on at the same time. If one fails, the others
        keep their results, and `resume` tries the failed ones alone.

        Args:
            over: the list: the name of a step that gives one, the list itself, or a callable of the context.
            **options: see `StepOptions`. `agent` is what is done for an item: it is asked the item, unless `query` says
                otherwise. Where it is a flow, the steps that it has now are done for each item. Conditions and
                approvals are about the whole map, the other options about the step of each item.

        Raises:
            ConfigurationError: as `step`.
        """
        return self._declare(compose_map(name, over, options))

    def loop(
        self,
        name: str,
        *,
        until: StepCondition | None = None,
        rounds: int | None = None,
        **options: Unpack[StepOptions],
    ) -> Self:
        """Declare a step that is done again and again, and return the flow. Its output is that of the last round.

        Args:
            until: a callable of the context, asked after each round, the outputs of which it sees; it gives True or
                False, and the loop is over once it says True. If all rounds are made by then, the step has failed.
            rounds: the most that are made, up to the limit of the run (`FlowLimits.max_rounds`), which it is by
                default; without `until` exactly so many.
            **options: see `StepOptions`. `agent` is what is done in a round: it is asked what the loop is, followed by
                what the last round gave, unless `query` says otherwise. Where it is a flow, the steps that it has now
                are done in each round. Conditions and approvals are about the whole loop, the others about a round.

        Raises:
            ConfigurationError: as `step`.
        """
        return self._declare(compose_loop(name, until, rounds, options))

    def sleep(
        self,
        name: str,
        seconds: float | timedelta | None = None,
        *,
        until: FlowMoment | None = None,
        **options: Unpack[WaitOptions],
    ) -> Self:
        """Declare a step that waits for a time, and return the flow. A restart does not begin the time anew.

        Args:
            seconds: from the moment when its turn has come.
            until: the moment, instead: a datetime with a time zone, or a callable of the context that gives one, or a
                timedelta from now on, or seconds since 1970.
            **options: see `WaitOptions`.

        Raises:
            ConfigurationError: as `step`.
        """
        return self._declare(compose_sleep(name, seconds, until, options))

    def wait_for(self, name: str, event: str, *, timeout: float | None = None, **options: Unpack[WaitOptions]) -> Self:
        """Declare a step that waits for an event from outside, which `signal` tells of, and return the flow.

        Its output is the payload of the event.

        Args:
            event: its name; each wait of a run should have its own.
            timeout: seconds after which the step has failed.
            **options: see `WaitOptions`.

        Raises:
            ConfigurationError: as `step`.
        """
        return self._declare(compose_wait_for(name, event, timeout, options))

    def offer(self, name: str, **options: Unpack[StepOptions]) -> Self:
        """Name work that steps with `accept_steps` may add below themselves, and return the flow.

        Args:
            name: by which a `ProposedStep` names it as its `work`.
            **options: see `StepOptions`; `depends_on` and `query` are up to the step that proposes it.

        Raises:
            ConfigurationError: as `step`.
        """
        return self._declare(compose_offer(name, options))

    def _declare(self, step: LightFlowStep) -> Self:
        place = (step.name, step.offered)
        if place in self._known:
            what = "offers" if step.offered else "has a step"
            raise ConfigurationError(
                f"The flow {what} {step.name!r:.60} already.", guidance="Give each a name of its own."
            )
        if self._parts.outlives:
            take_code(step)
        self._known[place] = step
        self._declared = None
        return self

    def validate(self, *, strict: bool = False) -> dict[str, list[str]]:
        """What is wrong with the steps: ``{"errors": […], "warnings": […]}``.

        Unknown dependencies and cycles are errors; a step that nothing is connected with is a warning.

        Args:
            strict: warnings are errors as well.
        """
        found = validate(definition_of(self.name, self.declared), self._parts.limits, strict=strict)
        return {"errors": list(found.errors), "warnings": list(found.warnings)}
