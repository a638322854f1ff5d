"""Detectors find what they should, and nothing else, on the half of a corpus on which they were not tuned."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REGIONS = '{"regions": ["US", "CN", "FR", "GB", "DE", "JP", "BR", "IN"]}'
LEAST = 0.98
CHECKED = (
    *("card", "iban", "cloud_key", "api_key", "jwt", "private_key", "phone"),
    *("be_nn", "br_cpf", "ch_ahv", "cn_id", "de_idnr", "es_id", "fi_hetu", "fr_nir", "in_aadhaar", "it_cf"),
    *("kr_rrn", "mx_curp", "no_fnr", "pl_pesel", "se_pn"),
)
"""Kinds with a check digit or a fixed prefix."""


def measured(*arguments: str) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """The figures by kind, and the sizes of the corpus."""
    command = [sys.executable, "benchmarks/detectors.py", "--json", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=55, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found.pop("scores"), found


def test_kinds_with_a_check_digit_or_a_prefix_are_found_and_nothing_else_is() -> None:
    scores, sizes = measured()
    assert sizes["positives"] >= 2_000
    assert sizes["negatives"] >= 2_000
    assert sizes["kinds"] >= 20
    for kind in CHECKED:
        assert scores[kind]["expected"] >= 50, kind
        assert scores[kind]["recall"] >= LEAST, kind
        assert scores[kind]["precision"] >= LEAST, kind
    # What has no check is measured all the same, so that a change for the worse is seen.
    assert {kind for kind, one in scores.items() if min(one["recall"], one["precision"]) < 0.9} <= {"email"}


def test_phonenumbers_knows_the_numbers_of_all_countries() -> None:
    scores, _ = measured("--detector", "phone_numbers", "--options", REGIONS)
    assert scores["phone"]["recall"] >= LEAST
    national = [one["recall"] for kind, one in scores.items() if kind.startswith("phone_") and kind != "phone_br"]
    assert len(national) == 7
    assert min(national) >= LEAST  # In Brazil many numbers of the corpus have a digit less than numbers have today.


@pytest.mark.parametrize("arguments", [("--detector", "nothing"), ("--half", "all")])
def test_an_unknown_detector_or_half_is_named_in_the_error(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "benchmarks/detectors.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=55, check=False)
    assert done.returncode != 0
    assert arguments[1] in done.stderr
