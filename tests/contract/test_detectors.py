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
