"""The messages of a conversation, in the closed set that chat models speak."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from lightagent.domain.conversation.call_forms import IdForm, sent_arguments, sent_id, sent_name
from lightagent.domain.conversation.provider_fields import ProviderFields, Recipient
from lightagent.domain.json_bytes import encode_json, encode_text
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue


class _Encoded:
    """A value that knows its OpenAI form and serialises it once.

    A conversation is sent again at every turn, so what a turn costs must not grow with the turns before it: the bytes
    are made at the first use and live and die with the message.
    """

    __slots__ = ("_bytes", "_own_bytes")
    _bytes: bytes
    _own_bytes: tuple[Recipient, bytes]
    """For the one recipient that is given another form: the model that said the message, or one that alters calls."""

    @abstractmethod
    def to_openai(self, recipient: Recipient | None = None) -> JsonObject:
        """The message as a chat-completions request to `recipient` holds it; without one, as any server takes it."""

    def encoded(self, recipient: Recipient | None = None) -> bytes:
        """`to_openai` as UTF-8 JSON."""
        try:
            return self._bytes
        except AttributeError:
            return self._first_encoded()

    def _first_encoded(self) -> bytes:
        encoded = self._encode()
        object.__setattr__(self, "_bytes", encoded)
        return encoded

    def _encode(self) -> bytes:
        return encode_json(self.to_openai())

    def _encoded_for(self, recipient: Recipient) -> bytes:
        """The same for a recipient that is given another form than most."""
        known: tuple[Recipient, bytes] | None = getattr(self, "_own_bytes", None)
        if known is not None and (known[0] is recipient or known[0] == recipient):
            return known[1]
        encoded = encode_json(self.to_openai(recipient))
        object.__setattr__(self, "_own_bytes", (recipient, encoded))
        return encoded


@dataclass(frozen=True, slots=True)
class SystemMessage(_Encoded):
    """What the developer tells the model."""

    content: str
    role: Literal["system"] = "system"

    def to_openai(self, recipient: Recipient | None = None) -> JsonObject:
        return {"role": "system", "content": self.content}

    def _encode(self) -> bytes:
        return b'{"role":"system","content":%b}' % encode_text(self.content)


@dataclass(frozen=True, slots=True)
class UserMessage(_Encoded):
    """What the user says: text, or OpenAI content parts (text, images, audio). `name` tells speakers apart."""

    content: str | tuple[JsonObject, ...]
    name: str | None = None
    role: Literal["user"] = "user"

    def to_openai(self, recipient: Recipient | None = None) -> JsonObject:
        return _named({"role": "user", "content": self._copied_content()}, self.name)

    def _encode(self) -> bytes:
        if isinstance(self.content, str) and self.name is None:
            return b'{"role":"user","content":%b}' % encode_text(_unless_blank(self.content))
        return encode_json(self.to_openai())

    def _copied_content(self) -> str | list[JsonValue]:
        if isinstance(self.content, str):
            return _unless_blank(self.content)
        parts: list[JsonValue] = [copy_json(part) for part in self.content if not _is_blank(part)]
        return parts or NO_TEXT

    @property
    def text(self) -> str:
        """The text of the message, its other parts left out."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(str(part["text"]) for part in self.content if part.get("type") == "text" and "text" in part)


NO_TEXT: Final = "(no text)"
"""What is sent of a user who says nothing: several providers refuse blank text. The journal keeps what was said."""


def _unless_blank(text: str) -> str:
    return NO_TEXT if not text or text.isspace() else text


def _is_blank(part: JsonObject) -> bool:
    text = part.get("text")
    return part.get("type") == "text" and isinstance(text, str) and not text.strip()


Trust: TypeAlias = Literal["trusted", "untrusted"]
"""Whether the application vouches for a text, or it comes from an untrusted source."""


@dataclass(frozen=True, slots=True)
class ContextMessage(_Encoded):
    """What a context source, such as a memory, adds for the model.

    The model gets it as a message of its own with the role `user`, between fixed delimiters that the text cannot
    close. It is not what the user said, and so not part of the history that the next run is given.

    Attributes:
        source: what added it.
        content: the text.
        trust: whether the application vouches for the text.
        replaces: where the messages come from that this one stands for, such as a summary does; see
            `lightagent.domain.conversation.labels`. Such a message stays in the conversation that the next run gets.
    """

    source: str
    content: str
    trust: Trust = "untrusted"
    replaces: tuple[str, ...] = ()
    role: Literal["context"] = "context"

    def to_openai(self, recipient: Recipient | None = None) -> JsonObject:
        return {"role": "user", "content": self.delimited}

    @property
    def delimited(self) -> str:
        """The text between its delimiters, as the model gets it."""
        begins, ends = self._delimiters()
        return begins + _DELIMITER.sub("&lt;", self.content) + ends

    def undelimited(self, text: str) -> str:
        """What stands between this message's delimiters in a text; all of it where they are not around it."""
        begins, ends = self._delimiters()
        return text[len(begins) : -len(ends)] if text.startswith(begins) and text.endswith(ends) else text

    def _delimiters(self) -> tuple[str, str]:
        return f'<context source="{self.source}" trust="{self.trust}">\n', "\n</context>"


# The bracket of anything that looks like the delimiter, whatever its case and what stands between, seen or unseen. No
# part is looked at twice: what stands between is given back to no other attempt, and holds no bracket of its own.
_DELIMITER: Final = re.compile(r"<(?=[^\w<]*+context)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model wants.

    Attributes:
        name, arguments: the model's own text, not yet parsed or trusted. What is sent back is valid (`call_forms`).
        provider_fields: what the provider added to the call, for the model that made it.
    """

    id: str
    name: str
    arguments: str
    provider_fields: JsonObject | None = None

    def to_openai(self, *, own: bool = False, ids: IdForm = "visible") -> JsonObject:
        """The call as an assistant message holds it.

        Args:
            own: it goes back to the model that made it.
            ids: the form of its id.
        """
        function: JsonObject = {"name": sent_name(self.name), "arguments": sent_arguments(self.arguments)}
        call: JsonObject = {"id": sent_id(self.id, ids), "type": "function", "function": function}
        return call | copy_json(self.provider_fields) if own and self.provider_fields else call

    def encoded(self) -> bytes:
        """`to_openai` as UTF-8 JSON."""
        name, arguments = encode_text(sent_name(self.name)), encode_text(sent_arguments(self.arguments))
        form = b'{"id":%b,"type":"function","function":{"name":%b,"arguments":%b}}'
        return form % (encode_text(sent_id(self.id)), name, arguments)


NOTHING_SAID: Final = "(no answer)"
"""What is sent as the text of an assistant message that has none."""


@dataclass(frozen=True, slots=True)
class AssistantMessage(_Encoded):
    """What the model says: text, calls, or both.

    What its provider added goes back to the model that said it, and to no other. Only that one is given the reasoning,
    and a refusal as such; for others a refusal that stands alone is what was said. Blank text is sent to none: several
    providers refuse it (`_sent`).
    """

    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    refusal: str | None = None
    name: str | None = None
    provider_fields: ProviderFields | None = None
    role: Literal["assistant"] = "assistant"

    def to_openai(self, recipient: Recipient | None = None) -> JsonObject:
        given = None if self.provider_fields is None else self.provider_fields.given_to(recipient, self.reasoning)
        own = given is not None
        message = _named({"role": "assistant", "content": self._sent(own=own)}, self.name)
        if own and self.refusal is not None:
            message["refusal"] = self.refusal
        if self.tool_calls:
            message["tool_calls"] = [*self._sent_calls(recipient, own=own)]
        if given:
            message |= given
        return message if recipient is None or not self.tool_calls else recipient.with_call_fields(message)

    def _sent_calls(self, recipient: Recipient | None, *, own: bool) -> list[JsonObject]:
        if recipient is None:
            return [call.to_openai() for call in self.tool_calls]
        return recipient.with_first_call([call.to_openai(own=own, ids=recipient.call_ids) for call in self.tool_calls])

    def encoded(self, recipient: Recipient | None = None) -> bytes:
        if recipient is not None:
            fields = self.provider_fields
            if fields is not None and fields.origin == recipient.origin:
                return self._encoded_for(recipient)
            if recipient.alters_calls and self.tool_calls:
                return self._encoded_for(recipient)
        try:
            return self._bytes
        except AttributeError:
            return self._first_encoded()

    def _encode(self) -> bytes:
        if self.name is not None:
            return encode_json(self.to_openai())
        said = self._sent(own=False)
        content = b"null" if said is None else encode_text(said)
        if not self.tool_calls:
            return b'{"role":"assistant","content":%b}' % content
        calls = b",".join([call.encoded() for call in self.tool_calls])
        return b'{"role":"assistant","content":%b,"tool_calls":[%b]}' % (content, calls)

    @property
    def text_or_refusal(self) -> str | None:
        """The words. There are none only beside calls; a refusal that stands alone is what was said."""
        return self.content if self.content or self.tool_calls else self.refusal or ""

    def _sent(self, *, own: bool) -> str | None:
        """The content. There is none only beside calls, or beside the refusal that is sent as one.

        Anthropic, Gemini and Mistral refuse a message in which nothing is said, and who is behind a URL is not always
        known. To leave it out would put two messages of the user in a row, which others refuse. So it has a text that
        stands for none, at every provider; the journal and the history keep what the model said.
        """
        content = self.content
        if content and not content.isspace():
            return content
        if self.tool_calls or (own and self.refusal):
            return None
        return self.refusal if self.refusal and not self.refusal.isspace() else NOTHING_SAID


@dataclass(frozen=True, slots=True)
class ToolMessage(_Encoded):
    """What a tool answered to one call. `name` is the tool's, where a caller's history tells it."""

    tool_call_id: str
    content: str
    name: str | None = None
    role: Literal["tool"] = "tool"

    def to_openai(self, recipient: Recipient | None = None) -> JsonObject:
        call_id = sent_id(self.tool_call_id, "visible" if recipient is None else recipient.call_ids)
        return _named({"role": "tool", "tool_call_id": call_id, "content": self.content}, self.name)

    def encoded(self, recipient: Recipient | None = None) -> bytes:
        if recipient is not None and recipient.alters_calls:
            return self._encoded_for(recipient)
        try:
            return self._bytes
        except AttributeError:
            return self._first_encoded()

    def _encode(self) -> bytes:
        if self.name is not None:
            return encode_json(self.to_openai())
        call_id, content = encode_text(sent_id(self.tool_call_id)), encode_text(self.content)
        return b'{"role":"tool","tool_call_id":%b,"content":%b}' % (call_id, content)


def _named(message: JsonObject, name: str | None) -> JsonObject:
    return message if name is None else {**message, "name": name}


Message: TypeAlias = SystemMessage | UserMessage | ContextMessage | AssistantMessage | ToolMessage


def copy_messages(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Messages that share nothing that can be changed with these; most hold text only, and are the same objects."""
    return tuple(map(copy_message, messages)) if any(map(_can_be_changed, messages)) else messages


def copy_message(message: Message) -> Message:
    """One message likewise."""
    if not _can_be_changed(message):
        return message
    if isinstance(message, AssistantMessage):
        return copy_answer(message)
    if isinstance(message, UserMessage) and not isinstance(message.content, str):
        return replace(message, content=tuple(copy_json(part) for part in message.content))
    return message


def copy_answer(message: AssistantMessage) -> AssistantMessage:
    """An assistant's message likewise."""
    fields = message.provider_fields
    if fields is not None:
        message = replace(message, provider_fields=replace(fields, fields=copy_json(fields.fields)))
    if message.tool_calls and any(call.provider_fields for call in message.tool_calls):
        message = replace(message, tool_calls=tuple(map(_copied_call, message.tool_calls)))
    return message


def _copied_call(call: ToolCall) -> ToolCall:
    added = call.provider_fields
    return call if added is None else replace(call, provider_fields=copy_json(added))


def _can_be_changed(message: Message) -> bool:
    if isinstance(message, UserMessage):
        return not isinstance(message.content, str)
    if isinstance(message, AssistantMessage):
        return message.provider_fields is not None or any(call.provider_fields for call in message.tool_calls)
    return False
