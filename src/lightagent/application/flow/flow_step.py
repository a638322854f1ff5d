"""A step as it was declared: its definition as data, and the code that goes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lightagent.application.flow.flow_function import FlowFunction
from lightagent.application.flow.output_form import OutputForm
from lightagent.application.flow.step_work import StepWork
from lightagent.domain.flow.definition import FlowDefinition, StepDefinition
from lightagent.domain.flow.paths import escape
from lightagent.domain.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class LightFlowStep:
    """One step of a flow, as handlers of approvals are given it.

    Attributes:
        definition: what is on record of it.
        work: what it does.
        fallback: what does it once its own attempts are used up.
        query: makes its query from the context.
        cancel_if: whether it is skipped.
        approval_handler: decides at once whether it runs.
        output: the type of what it gives; None for plain JSON as it is.
        approval_timeout: seconds for which a person may decide; None: for ever.
        escalate_to: who is asked where nobody has decided in that time; empty: nobody, and the step has failed.
    """

    definition: StepDefinition
    work: StepWork = field(repr=False)
    fallback: StepWork | None = field(default=None, repr=False)
    query: FlowFunction | None = field(default=None, repr=False)
    cancel_if: FlowFunction | None = field(default=None, repr=False)
    approval_handler: FlowFunction | None = field(default=None, repr=False)
    output: OutputForm[object] | None = field(default=None, repr=False)
    approval_timeout: float | None = None
    escalate_to: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name, unique in the flow."""
        return self.definition.name

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The names of the steps that have to be over before it."""
        return self.definition.depends_on

    @property
    def requires_approval(self) -> bool:
        """Whether a person is asked before it runs."""
        return self.definition.approval

    @property
    def metadata(self) -> JsonObject:
        """What was declared with it."""
        return self.definition.metadata


def definition_of(name: str, steps: Sequence[LightFlowStep]) -> FlowDefinition:
    """A flow as data."""
    return FlowDefinition(name, tuple(step.definition for step in steps))


def by_work(steps: Sequence[LightFlowStep]) -> Mapping[str, LightFlowStep]:
    """Steps by what names their work in the definition."""
    return {step.definition.work or escape(step.name): step for step in steps}
