"""A text that is held back comes out as the whole text would, however it was cut into pieces."""

from __future__ import annotations

import os
import random

import pytest

from lightagent.adapters.detectors.urls import UrlDetector
from lightagent.adapters.detectors.validated import ValidatedDetector
from lightagent.application.policies.text_guardrails import DetectorGuardrail
from lightagent.domain.policy.findings import Finding, merged, normalized
from lightagent.domain.policy.held_text import HeldText, LimitedText, TextHold
from tests.support.detector_samples import ALLOWED, ELSEWHERE, ELSEWHERE_BY_SIGNS, PRIVATE
from tests.support.private_texts import texts

RUNS = int(os.environ.get("TEST_GENERATED_RUNS", "120"))


def guard(replacement: str | None) -> DetectorGuardrail:
    return DetectorGuardrail("test", [ValidatedDetector()], "It is private.", replacement)


def held(guardrail: DetectorGuardrail, pieces: list[str]) -> tuple[str, bool]:
    """What comes out of a stream of these pieces, and whether it was forbidden."""
    hold = guardrail.hold("text")
    assert hold is not None
    passed = ""
    for released in (*map(hold.feed, pieces), hold.end()):
        if isinstance(released, Finding):
            return passed, True
        passed += released
    return passed, False


def cut(text: str, chance: random.Random) -> list[str]:
    """The text in pieces, as models speak."""
    pieces, place = list[str](), 0
    while place < len(text):
        size = chance.randint(1, 12)
        pieces.append(text[place : place + size])
        place += size
    return pieces


def test_a_redacted_stream_is_the_redacted_text() -> None:
    chance, guardrail = random.Random(3), guard("[redacted]")
    changed = 0
    for text in texts(RUNS, 400):
        whole = guardrail.review(text, structured=False)
        assert held(guardrail, cut(text, chance)) == (whole, False), text
        changed += whole != text
    assert changed > RUNS / 2


def test_a_text_cut_in_two_anywhere_is_redacted_alike() -> None:
    guardrail = guard("[redacted]")
    for text in texts(max(RUNS // 40, 2), 330):
        whole = guardrail.review(text, structured=False)
        for place in range(len(text)):
            assert held(guardrail, [text[:place], text[place:]]) == (whole, False), (place, text)


def test_what_is_forbidden_leaves_no_part_of_it() -> None:
    chance, guardrail = random.Random(5), guard(None)
    for text in texts(RUNS, 300):
        forbidden = isinstance(guardrail.review(text, structured=False), Finding)
        passed, stopped = held(guardrail, cut(text, chance))
        assert stopped == forbidden, text
        normal = normalized(text)
        found = merged(map(normal.written, ValidatedDetector().find(normal.text)))
        assert text.startswith(passed)
        assert not found or len(passed) <= found[0].start


def test_addresses_are_held_as_well() -> None:
    guardrail = url_guard()
    for url in (*ELSEWHERE, *ELSEWHERE_BY_SIGNS, *ALLOWED):
        text = f"See {url} and go on. " + "More words follow it here. " * 20
        whole = guardrail.review(text, structured=False)
        assert (whole == text) == (url in ALLOWED), url
        assert held(guardrail, list(text)) == (whole, False), url


def url_guard() -> DetectorGuardrail:
    return DetectorGuardrail("urls", [UrlDetector(["example.com", "*.example.org"])], "", "[link]")


NAMED = ("password: aBcXeFgZiJkLmNoPqRsTaBcX", "token=qWeRtYuIoPaSdFgHjKlZxCvB", "secret is d3b07384d113edec49eaa6238a")
"""Secrets beside their names, two of them without a digit."""


@pytest.mark.parametrize("private", [*PRIVATE, *NAMED])
def test_a_finding_does_not_depend_on_characters_far_away(private: str) -> None:
    """A detector that skips a text because it lacks some character must not need that character."""
    text = f"It is {private} then. " + "More words follow it here. " * 20
    later = text + "0123456789 +00 @ - :// ( sk- eyJ -----BEGIN"
    found = merged(ValidatedDetector().find(text))
    assert found
    assert merged(ValidatedDetector().find(later)) == found
    assert held(guard("***"), list(later)) == (guard("***").review(later, structured=False), False)


def test_a_key_of_many_lines_grows_until_it_ends() -> None:
    key = next(one for one in PRIVATE if one.startswith("-----BEGIN"))
    text = f"Here it is: {key} and that was it. " + "More words. " * 40
    assert held(guard("***"), list(text)) == (text.replace(key, "***"), False)


@pytest.mark.parametrize("unseen", ["\u200b", "\x00", "\U000e0100"])
def test_invisible_characters_do_not_fill_the_window(unseen: str) -> None:
    text = "user" + unseen * 2_000 + "@example.com is private. " + "More words. " * 40
    assert held(guard("***"), list(text))[0].startswith("*** is private. ")


def test_little_of_a_stream_waits() -> None:
    hold = HeldText(ValidatedDetector().find, 132, "***")
    passed = "".join(str(hold.feed(piece)) for piece in ["word "] * 200)
    assert 1_000 - 132 - 16 <= len(passed) < 1_000


NO_TOKEN = "my_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.c2lnbmF0dXJl"
NO_ADDRESS = f"x{'a' * 64}@{'b' * 63}.co.{'c' * 62}"


@pytest.mark.parametrize(("kind", "text"), [("jwt", NO_TOKEN), ("email", NO_ADDRESS)])
@pytest.mark.parametrize("replacement", ["***", None])
def test_what_only_looks_private_once_its_beginning_was_dropped_goes_on(
    kind: str, text: str, replacement: str | None
) -> None:
    """What stands before it says that it is none, and of that a stream does not keep everything."""
    guardrail = DetectorGuardrail("test", [ValidatedDetector([kind])], "", replacement)
    whole = f"{text} and {text * 3}. " + "More words. " * 20
    assert guardrail.review(whole, structured=False) == whole
    for size in (1, 7, 16, 17, 60):
        pieces = [whole[place : place + size] for place in range(0, len(whole), size)]
        assert held(guardrail, pieces) == (whole, False)


@pytest.mark.parametrize("piece", ["-----BEGIN PRIVATE KEY-----" + "a" * 4_000, "http:" * 800])
def test_a_long_text_that_waits_is_looked_at_a_few_times(piece: str) -> None:
    """The time of a stream grows with its length, and not with the square of it."""
    looked_at: list[int] = []
    private, addresses = ValidatedDetector(), UrlDetector(["example.com"])

    def find(text: str) -> list[Finding]:
        looked_at.append(len(text))
        return [*private.find(text), *addresses.find(text)]

    hold = HeldText(find, 132, "***")
    for character in piece:
        hold.feed(character)
    hold.end()
    assert len(looked_at) < 60
    assert sum(looked_at) < 8 * len(piece)


@pytest.mark.parametrize(("cut", "expected"), [(True, "abcdef"), (False, None)])
def test_a_text_of_a_limited_length(cut: bool, expected: str | None) -> None:
    hold: TextHold = LimitedText(6, cut=cut)
    assert hold.feed("abcd") == "abcd"
    assert not hold.changed
    released = hold.feed("efgh")
    assert released == "ef" if expected else isinstance(released, Finding)
    assert hold.changed


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\uff14\uff11\uff11\uff11", "4111"),
        ("\uff14\u200b\uff11\u00ad1", "411"),
        ("a\u00a0b\u2003c", "a b c"),
        ("1\u20132\u22123", "1-2-3"),
        ("٤١", "41"),
        ("\uff21\U0001d41a", "Aa"),
        ("4\x001\x7f1\x081", "4111"),
        ("4\U000e01001\u180b1\u2065\ufff0\U000e00001", "4111"),
        ("a\u2800b\tc\nd", "a b\tc\nd"),
        ("naïve Zo\u00eb 中", "naïve Zo\u00eb 中"),
    ],
)
def test_what_only_looks_otherwise_is_read_as_what_it_looks_like(written: str, read: str) -> None:
    normal = normalized(written)
    assert normal.text == read
    assert normal.written(Finding(0, len(read))) == Finding(0, len(written))
