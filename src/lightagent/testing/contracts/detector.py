"""The contract suite of the port `Detector`: subclass it with a `kind`, and it is certified."""

from __future__ import annotations

from typing import ClassVar

from lightagent.adapters.registry import open_adapter
from lightagent.domain.policy.findings import Finding, merged, normalized
from lightagent.ports.detectors import Detector

_AROUND = "Nothing is found in these plain words. "


class DetectorContract:
    """What every detector promises.

    Attributes:
        kind: as the registry knows it.
        options: what it is opened with.
        positive: texts of which each is a finding as a whole.
        negative: texts in which nothing is found.
    """

    kind: ClassVar[str]
    options: ClassVar[dict[str, object]] = {}
    positive: ClassVar[tuple[str, ...]]
    negative: ClassVar[tuple[str, ...]]

    def detector(self) -> Detector:
        """The detector, opened by its kind."""
        opened = open_adapter("detectors", self.kind, self.options)
        assert isinstance(opened, Detector)
        return opened

    def test_it_has_a_name(self) -> None:
        assert self.detector().name

    def test_what_it_is_for_is_found_wherever_it_stands(self) -> None:
        detector = self.detector()
        for text in self.positive:
            for before, after in (("", ""), ("", f" {_AROUND}"), (_AROUND, ""), (_AROUND * 9, f" {_AROUND * 9}")):
                found = merged(detector.find(before + text + after))
                spans = [(one.start, one.end) for one in found]
                assert spans == [(len(before), len(before) + len(text))], text

    def test_nothing_is_found_elsewhere(self) -> None:
        detector = self.detector()
        for text in ("", _AROUND, *self.negative):
            assert detector.find(normalized(text).text) == [], text

    def test_a_finding_depends_on_nothing_farther_than_its_window(self) -> None:
        detector = self.detector()
        window = detector.window
        if window is None:
            return
        for text in self.positive:
            near = (_AROUND * (window // len(_AROUND) + 1))[:window].rsplit(" ", 1)[0] + " "
            far = merged(detector.find(near * 3 + text + " " + near * 3))
            close = merged(detector.find(near + text + " " + near))
            assert [_moved(one, 2 * len(near)) for one in close] == far, text

    def test_a_finding_shows_within_its_window(self) -> None:
        detector = self.detector()
        window = detector.window
        if window is None:
            return
        for text in self.positive:
            for size in range(window, len(text)):
                found = merged(detector.find(text[:size]))
                assert found, (text, size)
                assert found[0].start == 0, (text, size)


def _moved(finding: Finding, by: int) -> Finding:
    return Finding(finding.start + by, finding.end + by, finding.kind)
