"""The requests, answers and findings of an inquiry into what an endpoint accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from lightagent.adapters.chat._profiles import EndpointProfile
from lightagent.adapters.chat._refusals import LEARNT
from lightagent.domain.conversation.deltas import ModelReply
from lightagent.domain.errors import ProviderError
from lightagent.ports.models import ChatRequest

_FAILURES: Final = (500, 501)
"""Statuses with which some servers answer requests of an unknown form."""


@runtime_checkable
class ProfiledModel(Protocol):
    """A chat model that has an endpoint profile."""

    @property
    def profile(self) -> EndpointProfile:
        """The profile from the table or the options, adapted to refusals."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """One request, and the profile with which it is to be sent."""

    what: str
    profile: EndpointProfile
    request: ChatRequest


@dataclass(frozen=True, slots=True)
class Taken:
    """The endpoint accepted the request."""

    reply: ModelReply


@dataclass(frozen=True, slots=True)
class Refused:
    """The endpoint refused the form of the request; it may accept the form of the profile `learnt`."""

    words: str
    learnt: EndpointProfile | None = None


@dataclass(frozen=True, slots=True)
class Unclear:
    """The request failed for another reason."""

    words: str


Answer: TypeAlias = Taken | Refused | Unclear


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether the endpoint accepts one form.

    Attributes:
        words: the endpoint's own text, or what was observed.
    """

    what: str
    verdict: Literal["yes", "no", "unclear"]
    words: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The result of an inquiry: the profile, and the findings behind it."""

    profile: EndpointProfile
    findings: tuple[Finding, ...]


def judged(error: ProviderError, learnt: EndpointProfile | None) -> Answer:
    """Return what an error says about the form of its request.

    Args:
        learnt: the profile that the model adapted to the error.
    """
    status = error.details.get("status")
    words = error.message.partition(LEARNT)[0]  # Without the text that the adapter added.
    refused = error.code in ("LA-400", "LA-404") or (error.code == "LA-500" and status in _FAILURES)
    return Refused(words, learnt) if refused else Unclear(words)
