"""Texts as services are sent them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightagent.domain.vectors import TextRole


@dataclass(frozen=True, slots=True)
class TextForm:
    """How texts are sent.

    Attributes:
        query_prefix, document_prefix: what stands before a text that is searched for, or that is found.
        max_characters: characters of one text that are sent.
    """

    query_prefix: str
    document_prefix: str
    max_characters: int

    def sent(self, texts: Sequence[str], role: TextRole) -> list[str]:
        """The texts in this form, as UTF-8 can hold them; services refuse an empty one."""
        prefix = self.query_prefix if role == "query" else self.document_prefix
        return [prefix + self._fitted(text) for text in texts]

    def _fitted(self, text: str) -> str:
        return text[: self.max_characters].encode("utf-8", "replace").decode() if text.strip() else " "

    @property
    def mark(self) -> str:
        """What names of vectors end with, since these depend on the prefixes; empty where there are none."""
        if not (self.query_prefix or self.document_prefix):
            return ""
        return f":{ {'query': self.query_prefix, 'document': self.document_prefix}!r}"
