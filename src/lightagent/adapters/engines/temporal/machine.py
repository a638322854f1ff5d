"""What the workflows of this process fold with.

Temporal makes a workflow by itself, from what the server tells of it, so nothing can be passed to one. The sandbox
takes this module as it is, and finds here what the engine was given.
"""

from __future__ import annotations

from lightagent.domain.errors import ConfigurationError
from lightagent.ports.flow_machine import FlowMachine

_MACHINE: list[FlowMachine] = []


def set_flow_machine(machine: FlowMachine) -> None:
    """Have the workflows of this process fold with it from now on."""
    _MACHINE[:] = [machine]


def flow_machine() -> FlowMachine:
    """Return the machine that was set last.

    Raises:
        ConfigurationError: none was set.
    """
    if not _MACHINE:
        raise ConfigurationError(
            "The Temporal engine was given nothing to fold runs with.", guidance="Pass it to LightFlow(engine=...)."
        )
    return _MACHINE[0]
