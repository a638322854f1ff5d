"""How an agent with many tools selects those that it offers to its model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lightagent.domain.errors import ConfigurationError
from lightagent.ports.tool_ranker import ToolRanker

MOST_TOOLS: Final = 128
"""The most tools that a request may declare: the limit of the OpenAI API, which other providers share."""

MOST_NAME: Final = 100
"""The most characters of a ranker's name."""


@dataclass(frozen=True, slots=True)
class ToolSelection:
    """Offers a model the tools that fit what it is asked, and a tool with which it can search for others.

    What is offered is chosen by the query, once a run; in a session a run goes on with what the one before was offered.
    Tools that come later, chosen or found, stand behind those that were there, whose declarations never change, so that
    what a provider has cached of the request stays valid.

    Attributes:
        threshold: an agent selects if it has more tools than this; otherwise all are offered.
        tokens: what the declarations of the tools may take that one choice or one search adds. How many tools that
            are depends on their size. Of a `ContextBudget` it is a quarter at most.
        most: the most tools offered at once. A turn of a session that would exceed it begins with a new set.
        always: names of tools that are always offered, before the others.
        search: whether to offer the tool `search_tools`.
        rankers: further rankings besides the one by words, such as by embeddings; all have the same weight.

    Raises:
        ConfigurationError: a number is invalid, or a ranker lacks a method.
    """

    threshold: int = 64
    tokens: int = 4_000
    most: int = MOST_TOOLS
    always: tuple[str, ...] = ()
    search: bool = True
    rankers: tuple[ToolRanker, ...] = ()

    def __post_init__(self) -> None:
        for name, value, least in (
            ("threshold", self.threshold, 0),
            ("tokens", self.tokens, 1),
            ("most", self.most, 1),
        ):
            _check_count(name, value, least)
        names: object = self.always
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            raise ConfigurationError(f"tool_selection: always is a list of names, not {names!r:.80}.")
        object.__setattr__(self, "always", tuple(dict.fromkeys(self.always)))
        if len(self.always) > self.most:
            raise ConfigurationError(
                f"tool_selection: always names {len(self.always)} tools, but most is {self.most}.",
                guidance="Name fewer, or raise most as far as the provider allows.",
            )
        object.__setattr__(self, "rankers", _checked_rankers(self.rankers))


def _checked_rankers(given: object) -> tuple[ToolRanker, ...]:
    if isinstance(given, (list, tuple)):
        for ranker in given:
            # A class has the same attributes as its objects.
            if isinstance(ranker, type) or not isinstance(ranker, ToolRanker) or not _has_name(ranker):
                raise ConfigurationError(
                    f"tool_selection: {ranker!r:.80} is not a ranker.",
                    guidance="It must have a name, a text, and rank.",
                )
        return tuple(given)
    raise ConfigurationError(f"tool_selection: rankers is a list of rankers, not {given!r:.80}.")


def _has_name(ranker: ToolRanker) -> bool:
    """Whether a ranker has a valid name, which is recorded with its rankings."""
    name: object = ranker.name
    return isinstance(name, str) and 0 < len(name) <= MOST_NAME


def _check_count(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"tool_selection: {name} is a whole number of at least {least}, not {value!r:.80}.")


DEFAULT_SELECTION: Final = ToolSelection()
"""The default of agents."""
