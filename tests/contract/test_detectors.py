"""The certificates of detectors."""

from typing import ClassVar

from lightagent.testing.contracts.detector import DetectorContract
from tests.support.detector_samples import ALLOWED, ELSEWHERE, HARMLESS, PRIVATE


class TestValidated(DetectorContract):
    kind = "validated"
    positive: ClassVar[tuple[str, ...]] = PRIVATE
    negative: ClassVar[tuple[str, ...]] = HARMLESS


class TestPatterns(DetectorContract):
    kind = "patterns"
    options: ClassVar[dict[str, object]] = {"patterns": {"badge": r"\bB-\d{6}\b", "room": "room [0-9]{3}"}}
    positive: ClassVar[tuple[str, ...]] = ("B-123456", "room 101")
    negative: ClassVar[tuple[str, ...]] = ("B-12345", "room 10")


class TestPatternsOfAnyLength(DetectorContract):
    kind = "patterns"
    options: ClassVar[dict[str, object]] = {"patterns": {"ticket": "T-[0-9]+"}}
    positive: ClassVar[tuple[str, ...]] = ("T-1", "T-" + "1" * 99)
    negative: ClassVar[tuple[str, ...]] = ("T-x",)


class TestUrls(DetectorContract):
    kind = "urls"
    options: ClassVar[dict[str, object]] = {"hosts": ["example.com", "*.example.org"]}
    positive: ClassVar[tuple[str, ...]] = ELSEWHERE
    negative: ClassVar[tuple[str, ...]] = ALLOWED


class TestPhoneNumbers(DetectorContract):
    kind = "phone_numbers"
    options: ClassVar[dict[str, object]] = {"regions": ["US", "DE", "FR", "GB"]}
    positive: ClassVar[tuple[str, ...]] = (
        *("+14155552671", "+49 30 901820", "0033 1 42 68 53 00", "+290 8999", "+44 20 7946 0958"),
        *("(415) 555-2671", "415-555-2671", "089 60256512", "01 42 68 53 00", "0142685300", "020 7946 0958"),
    )
    negative: ClassVar[tuple[str, ...]] = (
        *("4155552671", "170-000-0000", "+1 415", "1700000000", "2024-01-02", "01.02.2024", "192.168.0.1"),
        *("v1.2.3.4", "1,234,567.89", "550e8400-e29b-41d4-a716-446655440000", "ISBN 978-3-16-148410-0", "0123-4567"),
    )


class TestPresidio(DetectorContract):
    """Its recognizers that need no model, with a pipeline of spaCy that has no parts."""

    kind = "presidio"
    positive: ClassVar[tuple[str, ...]] = (
        *("4111111111111111", "ann@example.com", "DE89370400440532013000", "(415) 555-2671", "10.0.0.1"),
    )
    negative: ClassVar[tuple[str, ...]] = ("4111111111111112", "ann@example.unknowndomain", "2024-01-02", "order 12")
