"""The tools with which an agent of a swarm sends messages to the others, and reads received ones again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Generic

from lightagent.application.mailbox.swarm_mail import SwarmMail
from lightagent.application.prompts import Prompts
from lightagent.application.tools.arguments import refused
from lightagent.application.tools.deps import DepsT
from lightagent.domain.conversation.messages import ContextMessage
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.effects import MOST_LABELS, ToolAnswer
from lightagent.domain.swarm.agent_messages import AgentMessage
from lightagent.domain.tools.spec import OWN_PROVIDER, ToolSpec
from lightagent.ports.mail import MailPost
from lightagent.ports.tools import RunContext, Tool

SEND_TOOL: Final = "send_message"
READ_TOOL: Final = "read_messages"

_MOST_READ: Final = 20


class SendMessageTool(Tool[DepsT], Generic[DepsT]):
    """Sends a message to another agent, who gets it before its next turn, in this run or in a later one.

    Args:
        mail: of the swarm.
        others: the names of the agents that may receive messages.
        prompts: of the agent that sends.
    """

    def __init__(self, mail: SwarmMail, others: Sequence[str], prompts: Prompts) -> None:
        self._mail = mail
        self._spec = ToolSpec(
            SEND_TOOL,
            prompts.send_message,
            _parameters(mail, others),
            idempotent=True,
            trusted_output=True,
            provider=OWN_PROVIDER,
        )

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        if set(arguments) != {"to", "message"} or not isinstance(arguments["to"], str):
            raise refused("The arguments do not fit.", 'It takes {"to": "NAME", "message": …}.')
        self._mail.checked(arguments["message"])
        return arguments

    async def call(self, arguments: Mapping[str, object], context: RunContext[DepsT]) -> object:
        recipient, payload = str(arguments["to"]), self._mail.checked(arguments["message"])
        sent = await _post(context).send(recipient, payload, context.idempotency_key)
        return ToolAnswer(f"Message {sent.number} waits for {sent.recipient}, who gets it when it acts.", sent=sent)


class ReadMessagesTool(Tool[DepsT], Generic[DepsT]):
    """Shows again what was delivered in this run, such as after the conversation was shortened."""

    def __init__(self, prompts: Prompts) -> None:
        self._spec = ToolSpec(
            READ_TOOL,
            prompts.read_messages,
            {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
            idempotent=True,
            trusted_output=True,
            provider=OWN_PROVIDER,
        )

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        if arguments:
            raise refused("The arguments do not fit.", "It takes none.")
        return arguments

    async def call(self, arguments: Mapping[str, object], context: RunContext[DepsT]) -> object:
        messages = await _post(context).read(_MOST_READ)
        if not messages:
            return ToolAnswer("Nothing was sent to you in this run.")
        # The conversation has all of them already, since the messages were delivered in it.
        labels = tuple(dict.fromkeys(label for message in messages for label in _labels(message)))[:MOST_LABELS]
        return ToolAnswer("\n\n".join(message.as_context().delimited for message in messages), labels=labels)


def _labels(message: AgentMessage) -> tuple[str, ...]:
    told: ContextMessage = message.as_context()
    return () if message.trusted else told.replaces


def _post(context: RunContext[DepsT]) -> MailPost:
    if context.mail is None:
        raise refused("Messages cannot be sent here.", "Go on without it.")
    return context.mail


def _parameters(mail: SwarmMail, others: Sequence[str]) -> JsonObject:
    """The JSON Schema of the arguments. Definitions of the payload's own schema stand at the root, where refs look."""
    described = "What the other agent should know, with all it needs to understand it."
    schema: JsonObject = {"type": "string"} if mail.payload.is_text else dict(mail.payload.schema)
    definitions = schema.pop("$defs", None)
    parameters: JsonObject = {
        "type": "object",
        "properties": {
            "to": {"type": "string", "enum": [*others], "description": "The name of the agent."},
            "message": {"description": described, **schema},
        },
        "required": ["to", "message"],
        "additionalProperties": False,
    }
    return parameters if definitions is None else {**parameters, "$defs": definitions}
