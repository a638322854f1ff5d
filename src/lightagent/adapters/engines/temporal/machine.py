"""What the workflows of this process fold with.

Temporal makes a workflow by itself, from what the server tells of it, so nothing can be passed to one. The sandbox
takes this module as it is, and finds here what the engine was given.
"""

from __future__ import annotations

from lightagent.domain.errors import ConfigurationError
from lightagent.ports.flow_machine import FlowMachine

_GIVEN: list[FlowMachine] = []


def give(machine: FlowMachine) -> None:
    """From now on workflows fold with it."""
    _GIVEN[:] = [machine]


def given() -> FlowMachine:
    """What was given last.

    Raises:
        ConfigurationError: nothing was.
    """
    if not _GIVEN:
        raise ConfigurationError(
            "The Temporal engine was given nothing to fold runs with.", guidance="Pass it to LightFlow(engine=...)."
        )
    return _GIVEN[0]
