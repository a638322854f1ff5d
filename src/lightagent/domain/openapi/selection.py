"""Which operations of a document become tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.openapi.operations import METHODS, READ_ONLY, OperationSketch
from lightagent.domain.policy.capabilities import matches


@dataclass(frozen=True, slots=True)
class OperationChoice:
    """Chooses operations by all that it names; what it leaves empty holds for every operation but the methods.

    Names may hold ``*`` for any text.

    Attributes:
        tags: of which an operation has one.
        methods: ``get``, ``post`` and so on, or ``*`` for all; without any, those that change nothing (get and head),
            unless an operation is named in full.
        paths: as the document writes them, such as ``/repos/*``.
        operations: their ids, or the names that a model calls them by.

    Raises:
        ConfigurationError: a method that there is not, or a text where a list belongs.
    """

    tags: Sequence[str] = ()
    methods: Sequence[str] = ()
    paths: Sequence[str] = ()
    operations: Sequence[str] = ()

    def __post_init__(self) -> None:
        for option in ("tags", "methods", "paths", "operations"):
            object.__setattr__(self, option, list_of_texts(option, getattr(self, option)))
        object.__setattr__(self, "methods", tuple(method.lower() for method in self.methods))
        for method in self.methods:
            if method not in (*METHODS, "*"):
                raise ConfigurationError(
                    f"OpenAPI: {method!r:.40} is not a method.",
                    guidance=f"Methods are {', '.join(METHODS)}, and * for all.",
                )

    def chooses(self, operation: OperationSketch) -> bool:
        """Whether the operation is chosen."""
        named = (operation.operation_id, operation.name)
        if self.operations and not _any_matches(self.operations, named):
            return False
        if self.tags and not _any_matches(self.tags, operation.tags):
            return False
        if self.paths and not _any_matches(self.paths, (operation.path,)):
            return False
        if self.methods:
            return "*" in self.methods or operation.method in self.methods
        return operation.method in READ_ONLY or any(one in named for one in self.operations)


def list_of_texts(option: str, given: object) -> tuple[str, ...]:
    """Return the texts that were given for an option.

    Raises:
        ConfigurationError: it is not a list, or holds values other than texts.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigurationError(f"OpenAPI: {option} must be a list of texts.", guidance="")
    texts = tuple(one for one in given if isinstance(one, str) and one)
    if len(texts) < len(given):
        raise ConfigurationError(f"OpenAPI: {option} must be a list of texts that are not empty.", guidance="")
    return texts


def _any_matches(patterns: Sequence[str], names: Sequence[str]) -> bool:
    return any(matches(pattern, name) for pattern in patterns for name in names)
