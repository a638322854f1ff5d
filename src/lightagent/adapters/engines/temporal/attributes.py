"""The search attributes by which runs are found in Temporal's own tools. Nothing of the engine rests on them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # The workflow reads the names in its sandbox, and needs nothing else.
    from temporalio.client import Client

TENANT: Final = "LightagentTenant"
USER: Final = "LightagentUser"
FLOW: Final = "LightagentFlow"
STATUS: Final = "LightagentStatus"
ALL: Final = (TENANT, USER, FLOW, STATUS)

_LOGGER: Final = logging.getLogger("lightagent")


async def has_attributes(client: Client) -> bool:
    """Whether the namespace has all of them. A server that does not say, such as a hosted one, counts as having none.

    Raises:
        RPCError: the server is away.
    """
    from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
    from temporalio.service import RPCError

    from lightagent.adapters.engines.temporal.faults import is_away

    try:
        found = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        if is_away(error):
            raise
        return False
    return set(ALL) <= set(found.custom_attributes)


async def make_attributes(client: Client) -> None:
    """Make those that the namespace lacks; where this client may not, the log says what to type.

    Raises:
        RPCError: the server is away.
    """
    from temporalio.api.enums.v1 import IndexedValueType
    from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
    from temporalio.service import RPCError

    from lightagent.adapters.engines.temporal.faults import is_away

    if await has_attributes(client):
        return
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    wanted = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=dict.fromkeys(ALL, keyword))
    try:
        await client.operator_service.add_search_attributes(wanted)
    except RPCError as error:
        if is_away(error):
            raise
        command = " ".join(f"--name {name} --type Keyword" for name in ALL)
        _LOGGER.warning(
            "Runs cannot be searched by tenant, user, flow and status: the namespace %s has no such attributes, and "
            "this worker may not make them (%s). Type: temporal operator search-attribute create --namespace %s %s",
            client.namespace,
            error.message,
            client.namespace,
            command,
        )
