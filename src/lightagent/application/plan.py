"""What a run is carried out with: the ports and values that stay the same from its start to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic

from lightagent.application.prompts import DEFAULT_PROMPTS, Prompts
from lightagent.application.tools.toolbox import DepsT, Toolbox
from lightagent.ports.models import ChatModel
from lightagent.ports.system import Clock


@dataclass(frozen=True, slots=True)
class RunPlan(Generic[DepsT]):
    """The means of one run. Its state is not here: that is the journal's fold.

    Attributes:
        model: who answers.
        tools: what may be called; nothing else is.
        deps: what the tools' contexts carry.
        clock: for the time of events and durations.
        check_output: gives the content to keep, or raises `OutputError` with what is wrong; None: any text will do.
        stream: somebody watches, so deltas are wanted.
        prompts: the sentences the run speaks to the model.
        causes: the exceptions behind the journal's errors, the last one last, for whoever raises them again here.
    """

    model: ChatModel
    tools: Toolbox[DepsT]
    deps: DepsT
    clock: Clock
    check_output: Callable[[str], str] | None = None
    stream: bool = False
    prompts: Prompts = DEFAULT_PROMPTS
    causes: list[Exception] = field(default_factory=list)
