"""Ask the agent's model for tools in a separate run, with the agent's policies, budgets and telemetry."""

from __future__ import annotations

from typing import Final

from lightagent.application.active_run.means import Means
from lightagent.application.generated_tools.answer import WrittenTools
from lightagent.application.structured_output import OutputType
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.deps import DepsT

WRITTEN: Final[OutputType[WrittenTools]] = OutputType(WrittenTools)


def writing_means(means: Means[DepsT]) -> Means[None]:
    """Return the agent's means for writing tools: the same model and policies, but no tools to call."""
    return Means(
        name=means.name,
        model=means.model,
        catalogue=Catalogue(()),
        clock=means.clock,
        ids=means.ids,
        instructions=means.prompts.create_tool,
        params=means.params,
        limits=means.limits,
        prompts=means.prompts,
        output=WRITTEN,
        gates=means.gates,
        budgets=means.budgets,
        sinks=means.sinks,
        ambient_sink=means.ambient_sink,
        capture_content=means.capture_content,
    )
