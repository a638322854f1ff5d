"""Rules about messages: their roles, the order of these, and what the messages hold."""

from collections.abc import Iterator, Mapping

from tests.servers.json_values import Json
from tests.servers.strict.request import Message, Request
from tests.servers.strict.rules import Check


def roles(*allowed: str) -> Check:
    """No other roles."""

    def check(request: Request) -> Iterator[str]:
        for message in request.messages:
            if message.role not in allowed:
                yield f"{message.at}.role: {message.role!r} is not one of {', '.join(allowed)}."

    return check


def order(follows: Mapping[str, tuple[str, ...]]) -> Check:
    """After a message of a role, only those of certain roles."""

    def check(request: Request) -> Iterator[str]:
        for before, message in zip(request.messages, request.messages[1:], strict=False):
            if message.role not in follows[before.role]:
                yield f"{message.at}: Unexpected role {message.role!r} after role {before.role!r}."

    return check


def system_at_the_beginning(request: Request) -> Iterator[str]:
    """A system message is the first one, or there is none."""
    for message in request.messages[1:]:
        if message.role == "system":
            yield f"{message.at}: System message must be at the beginning."


def alternating(request: Request) -> Iterator[str]:
    """After the system message, a user's and an assistant's message take turns; calls and results do not count."""
    counted = [message for message in request.messages if message.role in ("user", "assistant") and not message.calls]
    for place, message in enumerate(counted):
        if message.role != ("user", "assistant")[place % 2]:
            yield f"{message.at}: Conversation roles must alternate user/assistant/user/assistant/..."


def ends_with_user_or_tool(request: Request) -> Iterator[str]:
    """The model is asked to answer somebody."""
    last = request.messages[-1]
    if last.role not in ("user", "tool"):
        yield f"{last.at}: Expected last role User or Tool, but got {last.role}."


def known_fields(**fields: tuple[str, ...]) -> Check:
    """Of each role, no other fields than these besides the role and the content."""

    def check(request: Request) -> Iterator[str]:
        for message in request.messages:
            unknown = message.fields.keys() - {"role", "content", *fields.get(message.role, ())}
            for name in sorted(unknown):
                yield f"{message.at}.{name}: this property is not permitted in a message of role {message.role!r}."

    return check


def content_types(request: Request) -> Iterator[str]:
    """Content is text or an array of parts; only an assistant's may be null or missing, and only beside calls."""
    for message in request.messages:
        content = message.content
        if content is None:
            if not message.calls:
                yield f"{message.at}.content: expected a string, got null."
        elif isinstance(content, list):
            yield from _parts(content, message)
        elif not isinstance(content, str):
            yield f"{message.at}.content: expected a string or an array of parts."


def _parts(parts: list[Json], message: Message) -> Iterator[str]:
    for place, part in enumerate(parts):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            yield f"{message.at}.content[{place}]: a part is an object with a type."


def not_blank(*roles: str) -> Check:
    """Messages of these roles say something; an assistant may call tools instead."""

    def check(request: Request) -> Iterator[str]:
        for message in request.messages:
            if message.role in roles and message.is_blank and not message.calls:
                yield f"{message.at}: text content must be non-empty (role {message.role!r})."

    return check


def no_blank_text_beside_calls(request: Request) -> Iterator[str]:
    """Content beside calls is null or left out where the model said nothing; an empty text is no content."""
    for message in request.messages:
        if message.calls and message.content is not None and message.is_blank:
            yield f"{message.at}: text content blocks must contain non-whitespace text."


def reasoning_handed_back(field: str) -> Check:
    """An assistant message that calls tools has its reasoning, be it empty."""

    def check(request: Request) -> Iterator[str]:
        for message in request.messages:
            if message.calls and not isinstance(message.fields.get(field), str):
                yield f"{message.at}: The {field} in the thinking mode must be passed back to the API."

    return check
