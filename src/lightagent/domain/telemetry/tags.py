"""Tags: words by which an application finds its runs again, in traces and telemetry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lightagent.domain.errors import ConfigurationError

MOST_TAGS: Final = 32
MOST_CHARACTERS: Final = 200
"""Langfuse drops a tag that is longer."""


def checked_tags(tags: object, option: str) -> tuple[str, ...]:
    """Tags as they are kept: each once.

    Args:
        option: names them in the text of an error.

    Raises:
        ConfigurationError: they are not a list of texts, there are more than 32, or one is empty or longer than 200
            characters.
    """
    if tags is None:
        return ()
    if isinstance(tags, str) or not isinstance(tags, Sequence):
        raise ConfigurationError(
            f"{option} must be a list of texts, got {type(tags).__name__}.", guidance='Such as ["nightly"].'
        )
    if len(tags) > MOST_TAGS:
        raise ConfigurationError(f"{option}: {len(tags)} tags, and {MOST_TAGS} is the most.", guidance="")
    return tuple(dict.fromkeys(_checked(tag, f"{option}[{place}]") for place, tag in enumerate(tags)))


def _checked(tag: object, place: str) -> str:
    if not isinstance(tag, str):
        raise ConfigurationError(f"{place} must be text, got {type(tag).__name__}.", guidance="")
    if not tag.strip():
        raise ConfigurationError(f"{place} is empty.", guidance="")
    if len(tag) > MOST_CHARACTERS:
        raise ConfigurationError(
            f"{place} has {len(tag)} characters, and {MOST_CHARACTERS} is the most.", guidance="A tag is a word or two."
        )
    return tag
