"""What passes between an inquiry into an endpoint and the code that sends its requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from lightagent.adapters.chat._profiles import EndpointProfile
from lightagent.adapters.chat._refusals import LEARNT
from lightagent.domain.deltas import ModelReply
from lightagent.domain.errors import ProviderError
from lightagent.ports.models import ChatRequest

_FAILURES: Final = (500, 501)
"""Statuses by which some servers fail over what they do not know."""


@runtime_checkable
class ProfiledModel(Protocol):
    """A chat model that knows what its endpoint takes, beside what every one does."""

    @property
    def profile(self) -> EndpointProfile:
        """By the table, by its options, and by what refusals have taught."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """One request, and the profile by which a model is to send it."""

    what: str
    profile: EndpointProfile
    request: ChatRequest


@dataclass(frozen=True, slots=True)
class Taken:
    """The endpoint answered."""

    reply: ModelReply


@dataclass(frozen=True, slots=True)
class Refused:
    """It refused the request's form; `learnt`: by which profile it might take it."""

    words: str
    learnt: EndpointProfile | None = None


@dataclass(frozen=True, slots=True)
class Unclear:
    """It could not be asked, or failed."""

    words: str


Answer: TypeAlias = Taken | Refused | Unclear


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one thing now.

    Attributes:
        words: the endpoint's own, or what was seen.
    """

    what: str
    verdict: Literal["yes", "no", "unclear"]
    words: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of an inquiry: the profile to set, and how it is known."""

    profile: EndpointProfile
    findings: tuple[Finding, ...]


def judged(error: ProviderError, learnt: EndpointProfile | None) -> Answer:
    """What an error says of the request that it answers.

    Args:
        learnt: the profile that the model itself learnt of it.
    """
    status = error.details.get("status")
    words = error.message.partition(LEARNT)[0]  # What an adapter added is not the endpoint's.
    refused = error.code in ("LA-400", "LA-404") or (error.code == "LA-500" and status in _FAILURES)
    return Refused(words, learnt) if refused else Unclear(words)
