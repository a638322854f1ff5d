"""The options of agents, swarms and runs, as types for a caller's type checker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lightagent.options.agent import HandoffTarget as HandoffTarget
from lightagent.options.tools import PartialFunction as PartialFunction
from lightagent.options.tools import PlainFunction as PlainFunction
from lightagent.options.tools import ToolLike as ToolLike

MYPY: Final = False
"""mypy takes this for True."""

if MYPY or not TYPE_CHECKING:
    from lightagent.options.agent import AgentOptions as AgentOptions
    from lightagent.options.run import ResumeOptions as ResumeOptions
    from lightagent.options.run import RunOptions as RunOptions
    from lightagent.options.run import SwarmOptions as SwarmOptions
else:  # pyright
    from lightagent.options.named import AgentOptions as AgentOptions
    from lightagent.options.named import ResumeOptions as ResumeOptions
    from lightagent.options.named import RunOptions as RunOptions
    from lightagent.options.named import SwarmOptions as SwarmOptions
