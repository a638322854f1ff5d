"""The same options for pyright, so that its errors name an unknown option.

For a method with several overloads, pyright reports only that none of them matches, unless a single one accepts the
given names. Here every overload accepts any name, and unknown options have a type that no value has:
``Argument of type "Literal['u']" cannot be assigned to parameter "usr_id" of type "NoSuchOption"``.

mypy does not support `extra_items` yet, and names unknown options anyway.
"""

from __future__ import annotations

from typing import Final, final

from lightagent.application.tools.deps import DepsT
from lightagent.options import agent, run

MYPY: Final = False
"""mypy takes this for True."""


@final
class NoSuchOption:
    """The type of an unknown option; no value has it."""


if not MYPY:

    class AgentOptions(agent.AgentOptions[DepsT], total=False, extra_items=NoSuchOption):
        """The options of `LightAgent` besides `output_type` and `deps_type`."""

    class RunOptions(run.RunOptions[DepsT], total=False, extra_items=NoSuchOption):
        """The options of one run."""

    class ResumeOptions(run.ResumeOptions[DepsT], total=False, extra_items=NoSuchOption):
        """The options of resuming a run; its owner and limits are in its journal."""

    class SwarmOptions(run.SwarmOptions, total=False, extra_items=NoSuchOption):
        """The options of a swarm."""
