"""Detector `phone_numbers`: numbers that phonenumbers, Google's tables of all countries, takes for valid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.detectors._rules import DIGITS, Rule, find_all, groups_if
from lightagent.adapters.registry import Adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.policy.findings import Finding
from lightagent.ports.detectors import Detector

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_WINDOW: Final = 40
_PROPOSED: Final = re.compile(
    r"(?<![A-Za-z0-9+.,/_-])(?:\+|00|\()?\d{1,15}(?:[ ./-]{0,2}\(\d{1,5}\))?\)?"
    r"(?:[ ./-]{1,2}\d{1,12}){0,6}(?![A-Za-z0-9_])"
)
_GROUP: Final = re.compile(r"\d+")
_LEAST_DIGITS, _MOST_DIGITS = 7, 17
"""Of a number, with the digits that are dialled before it."""

_ELSE: Final = re.compile(
    r"(?:19|20)\d\d([-./])\d\d?\1\d\d?|\d\d?([-./])\d\d?\2(?:19|20)?\d\d|\d{1,3}(?:\.\d{1,3}){3}|\d+[./]\d+"
)
"""Dates, IP addresses, decimal fractions."""

_LEAST_DIALLED, _LEAST_BARE = 9, 10
"""Digits of a national number with the one that is dialled before it: in groups, and in one piece."""


class PhoneNumberDetector(Detector):
    """Finds international numbers of every country, and those written as within some countries.

    A national number counts as it is written there: with the digit that is dialled before it, or in groups.

    Args:
        regions: the countries, such as ``US``.

    Raises:
        ConfigurationError: phonenumbers knows no such country.
    """

    def __init__(self, regions: Sequence[str] = ()) -> None:
        import phonenumbers

        unknown = [region for region in regions if region not in phonenumbers.SUPPORTED_REGIONS]
        if unknown:
            raise ConfigurationError(
                f"regions: {unknown[0]!r:.20} is not a country.", guidance="Countries have two letters, such as 'US'."
            )
        self._regions = tuple(regions)
        self._rules = (Rule("phone", _PROPOSED, groups_if(self._is_phone), _WINDOW, DIGITS),)

    @property
    def name(self) -> str:
        return "phone_numbers"

    @property
    def window(self) -> int:
        return _WINDOW

    def find(self, text: str) -> Sequence[Finding]:
        return list(find_all(self._rules, text))

    def _is_phone(self, text: str) -> bool:
        digits = sum(map(str.isdigit, text))
        if not _LEAST_DIGITS <= digits <= _MOST_DIGITS or text.count("(") != text.count(")") or _ELSE.fullmatch(text):
            return False
        international = f"+{text[2:]}" if text.startswith("00") else text
        if international.startswith("+"):
            return _valid(international) is not None
        return any(_is_national(text, region) for region in self._regions)


def _valid(text: str, region: str | None = None) -> PhoneNumber | None:
    """The number, if it is a valid one; without a region it is international."""
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if region is None:
        known = phonenumbers.is_valid_number(number)
    else:
        known = phonenumbers.is_valid_number_for_region(number, region)
    return number if known and len(set(str(number.national_number))) > 1 else None


def _is_national(text: str, region: str) -> bool:
    """Whether it is a number of the region that has groups, or the digit that is dialled before it."""
    import phonenumbers

    number = _valid(text, region)
    if number is None:
        return False
    groups = _groups(text)
    digits = sum(map(len, groups))
    prefix = phonenumbers.ndd_prefix_for_region(region, True)
    if prefix and groups[0].startswith(prefix) and len(groups[0]) > len(prefix):
        return digits >= (_LEAST_DIALLED if len(groups) > 1 else _LEAST_BARE)
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return len(groups) > 1 and groups == _groups(national)


def _groups(text: str) -> list[str]:
    return _GROUP.findall(text)


class Options(BaseModel):
    """What the detector takes."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    regions: tuple[str, ...] = Field((), description="countries whose own way of writing numbers counts, such as US")


ADAPTER = Adapter(
    Options, lambda options: PhoneNumberDetector(options.regions), requires=("phonenumbers",), extra="detectors"
)
