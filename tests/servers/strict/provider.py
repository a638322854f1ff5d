"""What a provider is to the tests: a table of rules, and the manners of its answers."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tests.servers.fault_wire import error_object
from tests.servers.json_values import Json
from tests.servers.strict.rules import Rule

CallIds: TypeAlias = Callable[[random.Random], str]


@dataclass(frozen=True)
class Provider:
    """A chat-completions endpoint as its provider documents it.

    Attributes:
        model: a model's name there.
        rules: all that a request must keep to.
        call_id: an id of a call as its models give it.
        reasoning_field: where its models' reasoning stands in a message, be it empty; "" for models that show none.
        signs_calls: whether the first call of a message carries a signature of the thoughts before it.
        error: a refusal as the provider words it.
    """

    name: str
    model: str
    rules: tuple[Rule, ...]
    call_id: CallIds
    reasoning_field: Literal["", "reasoning_content", "reasoning"] = ""
    signs_calls: bool = False
    error: Callable[[str], Json] = lambda text: error_object(text, "invalid_request_error", "invalid_request_error")


def random_id(prefix: str, length: int, alphabet: str) -> CallIds:
    """Ids that begin with `prefix`, and so many random characters."""
    return lambda chance: prefix + "".join(chance.choice(alphabet) for _ in range(length))
