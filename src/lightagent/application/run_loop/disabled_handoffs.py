"""The handoffs that the next request does not offer because of their settings."""

from __future__ import annotations

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.swarm.hand_off import HandoffTool
from lightagent.application.swarm.handoff import HandoffContext
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.wrapped_tool import unwrapped


async def without_disabled_handoffs(
    live: ActiveRun[DepsT], names: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the tools that stay on offer, and of the handoffs that do not; later requests may offer these.

    Raises:
        Exception: raised by a function that decides whether a handoff is offered.
    """
    if live.acting.handoff_limits is None:
        return names, ()
    context = HandoffContext(live.deps, live.origin(), live.run.actors)
    tools = (await live.toolset()).tools
    disabled: list[str] = []
    for name in names:
        tool = unwrapped(tools[name]) if name in tools else None
        if isinstance(tool, HandoffTool) and not await tool.is_offered(context, in_time=live.in_time):
            disabled.append(name)
    return tuple(name for name in names if name not in disabled), tuple(disabled)
