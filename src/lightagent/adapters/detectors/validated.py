"""Detector `validated`: private data and keys whose form can be checked, by rules that need no other package."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.detectors import _bank_numbers, _contacts, _identities, _keys
from lightagent.adapters.detectors._rules import Rule, find_all
from lightagent.adapters.registry import Adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.policy.findings import Finding
from lightagent.ports.detectors import Detector

RULES: Final[tuple[Rule, ...]] = (*_contacts.RULES, *_bank_numbers.RULES, *_identities.RULES, *_keys.RULES)
KINDS: Final = tuple(rule.kind for rule in RULES)
"""What it finds."""

COUNTRIES: Final = tuple(sorted({rule.country for rule in RULES if rule.country}))
"""The countries whose phone numbers or identity numbers it knows."""

DEFAULT_PRIVACY_PATTERNS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {rule.kind: rule.pattern for rule in RULES}
)
"""The expressions of all kinds. Alone they also match what only looks so; the detector checks what they match."""


class ValidatedDetector(Detector):
    """Finds the kinds it is asked for.

    Args:
        kinds: some of `KINDS`; without them, all.
        countries: whose own numbers are looked for; without them, those of all `COUNTRIES`. What is written in the
            same way everywhere, such as a card or an international phone number, is looked for in any case.

    Raises:
        ConfigurationError: a kind or a country is unknown.
    """

    def __init__(self, kinds: Sequence[str] = KINDS, countries: Sequence[str] = COUNTRIES) -> None:
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise ConfigurationError(f"kinds: unknown kind {unknown[0]!r:.60}.", guidance=f"Kinds: {', '.join(KINDS)}.")
        foreign = [country for country in countries if country not in COUNTRIES]
        if foreign:
            raise ConfigurationError(
                f"countries: unknown country {foreign[0]!r:.20}.", guidance=f"Countries: {', '.join(COUNTRIES)}."
            )
        here = ("", *countries)
        self._rules = tuple(rule for rule in RULES if rule.kind in kinds and rule.country in here)
        self._window = max((rule.window for rule in self._rules), default=0)

    @property
    def name(self) -> str:
        return "validated"

    @property
    def window(self) -> int:
        return self._window

    def find(self, text: str) -> Sequence[Finding]:
        return list(find_all(self._rules, text))


class Options(BaseModel):
    """What the detector takes."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kinds: tuple[str, ...] = Field(KINDS, description="what to look for")
    countries: tuple[str, ...] = Field(COUNTRIES, description="whose own phone and identity numbers to look for")


ADAPTER = Adapter(Options, lambda options: ValidatedDetector(options.kinds, options.countries))
