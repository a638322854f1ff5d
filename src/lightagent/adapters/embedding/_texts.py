"""The form of texts that are sent to embedding services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightagent.domain.text.vectors import TextRole


@dataclass(frozen=True, slots=True)
class TextForm:
    """Prefixes and length of the texts that are sent.

    Attributes:
        query_prefix, document_prefix: added before a text that is searched for, or that can be found.
        max_characters: characters of one text that are sent.
    """

    query_prefix: str
    document_prefix: str
    max_characters: int

    def sent(self, texts: Sequence[str], role: TextRole) -> list[str]:
        """Return the texts in this form and valid as UTF-8; services refuse empty texts, so these become a space."""
        prefix = self.query_prefix if role == "query" else self.document_prefix
        return [prefix + self._fitted(text) for text in texts]

    def _fitted(self, text: str) -> str:
        return text[: self.max_characters].encode("utf-8", "replace").decode() if text.strip() else " "

    @property
    def mark(self) -> str:
        """The end of the vectors' name, since they depend on the prefixes; empty without prefixes."""
        if not (self.query_prefix or self.document_prefix):
            return ""
        return f":{ {'query': self.query_prefix, 'document': self.document_prefix}!r}"
