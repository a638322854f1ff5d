"""A step as it was declared: its definition as data, and the code that goes with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lightagent.application.flow.flow_function import FlowFunction
from lightagent.application.flow.output_form import OutputForm
from lightagent.application.flow.proposals import OFFERED
from lightagent.application.flow.step_work import StepWork
from lightagent.application.flow.verify_step import Verifier
from lightagent.domain.flow.definition import FlowDefinition, StepDefinition
from lightagent.domain.flow.paths import escape
from lightagent.domain.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class LightFlowStep:
    """One step of a flow, as handlers of approvals are given it.

    Attributes:
        definition: what is on record of it.
        work: the agent, callable or flow that does it.
        fallback: does it once the attempts of `work` are used up.
        query: makes its query from the context.
        cancel_if: whether it is skipped.
        when: whether it runs.
        approval_handler: decides at once whether it runs.
        output: the type of what it gives; None for plain JSON as it is.
        approval_timeout: seconds for which a person may decide; None: without limit.
        escalate_to: who is asked if no decision was made in that time; empty: the step fails instead.
        over: gives the list of a map.
        until: whether a loop is over, or the moment that a wait waits for.
        verify: verifies its result.
        accept_steps: whether what it proposes is added; None: all of it is added.
        body: the steps of an item or of a round.
        offered: other steps may add it below themselves; the flow itself does not run it.
    """

    definition: StepDefinition
    work: StepWork = field(repr=False)
    fallback: StepWork | None = field(default=None, repr=False)
    query: FlowFunction | None = field(default=None, repr=False)
    cancel_if: FlowFunction | None = field(default=None, repr=False)
    when: FlowFunction | None = field(default=None, repr=False)
    approval_handler: FlowFunction | None = field(default=None, repr=False)
    output: OutputForm[object] | None = field(default=None, repr=False)
    approval_timeout: float | None = None
    escalate_to: tuple[str, ...] = ()
    over: FlowFunction | None = field(default=None, repr=False)
    until: FlowFunction | None = field(default=None, repr=False)
    verify: Verifier | None = field(default=None, repr=False)
    accept_steps: FlowFunction | None = field(default=None, repr=False)
    body: tuple[LightFlowStep, ...] = field(default=(), repr=False)
    offered: bool = False

    @property
    def name(self) -> str:
        """Its name, unique in the flow."""
        return self.definition.name

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The names of the steps that it waits for."""
        return self.definition.depends_on

    @property
    def requires_approval(self) -> bool:
        """Whether a person is asked before it runs."""
        return self.definition.approval

    @property
    def metadata(self) -> JsonObject:
        """What it was declared with."""
        return self.definition.metadata


def definition_of(name: str, steps: Sequence[LightFlowStep]) -> FlowDefinition:
    """A flow as data."""
    return FlowDefinition(name, tuple(step.definition for step in steps if not step.offered))


def by_work(steps: Sequence[LightFlowStep]) -> Mapping[str, LightFlowStep]:
    """Steps by the names of their work in the definition, including steps inside them and offered ones."""
    return dict(_named(steps, ""))


def _named(steps: Sequence[LightFlowStep], within: str) -> Iterator[tuple[str, LightFlowStep]]:
    for step in steps:
        here = f"{within}{escape(step.name)}"
        yield step.definition.work or here, step
        yield from _named(step.body, f"{here}/")


def offered_name(name: str) -> str:
    """The prefix of work that steps may add."""
    return f"{OFFERED}{name}"
