"""The steps of a flow, made from their options, with everything checked."""

from __future__ import annotations

from lightagent.application.check_options import check_options
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.output_form import OutputForm
from lightagent.compose.step_functions import compose_function
from lightagent.compose.step_people import compose_people, may_ask
from lightagent.compose.step_policies import (
    compose_acceptance,
    compose_condition,
    compose_doubt,
    compose_growth,
    compose_names,
    compose_retry,
    compose_timeout,
)
from lightagent.compose.step_work import compose_verifier, compose_work
from lightagent.domain.absent_names import STEP_OPTIONS
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.json_checks import to_json_object
from lightagent.flow_options import (
    StepOptions,
)


def compose_step(name: object, options: StepOptions) -> LightFlowStep:
    """One step.

    Raises:
        ConfigurationError: an unknown option, a wrong type, or a value that no step can have.
    """
    named = check_name(name)
    at = f"step {named!r:.60}"
    check_options(options, StepOptions, at, absent=STEP_OPTIONS)
    tools, metadata = options.get("tools"), to_json_object(options.get("metadata") or {}, f"{at}: metadata")
    query, form = options.get("query"), options.get("output_type")
    output = None if form is None else OutputForm(form)
    if output is not None:
        output.check()
    agent, fallback = options.get("agent"), options.get("fallback_agent")
    work, when, cancel_if = compose_work(at, "agent", agent, tools, metadata), *compose_condition(at, options)
    people = compose_people(at, options, asks=may_ask(options))
    return LightFlowStep(
        definition=StepDefinition(
            named,
            depends_on=compose_names(at, "depends_on", options.get("depends_on")),
            condition=when is not None or cancel_if is not None,
            approval=people.approval,
            approvers=people.approvers,
            retry=compose_retry(at, options),
            timeout=compose_timeout(at, options.get("timeout")),
            fallback=fallback is not None,
            verify=options.get("verify") is not None,
            doubt=compose_doubt(at, options),
            growth=compose_growth(at, options),
            repeatable=options.get("repeatable") is not False,
            query=query if isinstance(query, str) else None,
            metadata=metadata,
        ),
        work=work,
        fallback=None if fallback is None else compose_work(at, "fallback_agent", fallback, tools, metadata),
        query=None if isinstance(query, str) else compose_function(at, "query", query),
        cancel_if=cancel_if,
        when=when,
        approval_handler=people.handler,
        output=output,
        approval_timeout=people.timeout,
        escalate_to=people.escalate_to,
        verify=compose_verifier(at, options.get("verify"), output),
        accept_steps=compose_acceptance(at, options),
    )


def check_name(name: object) -> str:
    """The name of a step.

    Raises:
        ConfigurationError: it is not text.
    """
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"step: its name must be text, got {name!r:.50}.", guidance="Name the step.")
    return name
