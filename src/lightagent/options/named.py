"""The same options for pyright, which then names one that does not exist.

Where a method has several signatures, pyright says no more than that none of them fits, unless only one of them could
take the names that are given. Here each can take any name, and one that is not an option has a type that nothing has:
``Argument of type "Literal['u']" cannot be assigned to parameter "usr_id" of type "NoSuchOption"``.

mypy knows no `extra_items` yet, and names such an option by itself.
"""

from __future__ import annotations

from typing import Final, final

from lightagent.options import agent, run
from lightagent.options.tools import DepsT

MYPY: Final = False
"""mypy takes it for True."""


@final
class NoSuchOption:
    """The type of an option that does not exist."""


if not MYPY:

    class AgentOptions(agent.AgentOptions[DepsT], total=False, extra_items=NoSuchOption):
        """The options of `LightAgent` besides `output_type` and `deps_type`."""

    class RunOptions(run.RunOptions[DepsT], total=False, extra_items=NoSuchOption):
        """The options of one run."""

    class ResumeOptions(run.ResumeOptions[DepsT], total=False, extra_items=NoSuchOption):
        """The options of going on with a run; whose run it is and how far it may go is in its journal."""

    class SwarmOptions(run.SwarmOptions, total=False, extra_items=NoSuchOption):
        """The options of a swarm."""
