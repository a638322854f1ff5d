"""What detectors find of what they should, and what they take for private that is not.

    python benchmarks/detectors.py
    python benchmarks/detectors.py --detector phone_numbers --options '{"regions": ["US", "CN", "FR", "GB"]}'
    python benchmarks/detectors.py --detector presidio

    pip install lightagent[detectors] cryptography faker python-stdnum
    pip install --no-deps presidio-evaluator

The corpus (`corpus/`) has a half on which the detectors were tuned and a half on which they are measured; no value and
no sentence is in both. Recall is the share of what should be found that is found, from its first character to its last.
Precision is the share of what is found that should be, over all texts with private data and all those without.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from corpus.negatives import negatives
from corpus.positives import positives
from corpus.samples import Half, Label, Sample
from corpus.sentences import Writer

from lightagent import Detector, open_detector
from lightagent.domain.policy.findings import Finding, normalized

SEED = 11

CHECKED = (
    *("card", "iban", "cloud_key", "api_key", "jwt", "private_key", "phone"),
    *("be_nn", "br_cpf", "ch_ahv", "cn_id", "de_idnr", "es_id", "fi_hetu", "fr_nir", "in_aadhaar", "it_cf"),
    *("kr_rrn", "mx_curp", "no_fnr", "pl_pesel", "se_pn"),
)
"""The kinds with a check digit or a fixed prefix; they stand first in the table."""


@dataclass
class Score:
    """How it went with one kind."""

    expected: int = 0
    found: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def recall(self) -> float:
        return self.found / self.expected if self.expected else 1.0

    @property
    def precision(self) -> float:
        given = self.found + self.wrong.total()
        return self.found / given if given else 1.0

    def figures(self) -> dict[str, float]:
        return {"expected": self.expected, "recall": self.recall, "precision": self.precision}


def samples(half: Half) -> tuple[list[Sample], list[Sample]]:
    """The texts of a half: with private data, and without."""
    writer = Writer(half, SEED)
    private = [writer.write(one, private=True) for one in positives(SEED) if one.half == half]
    harmless = [writer.write(one, private=False) for one in negatives(SEED) if one.half == half]
    return private, [*harmless, *writer.harmless()]


def judge(detector: Detector, texts: Iterable[Sample]) -> tuple[dict[str, Score], list[str]]:
    """The scores by kind, and what went wrong."""
    scores: dict[str, Score] = {}
    problems: list[str] = []
    for sample in texts:
        normal = normalized(sample.text)
        findings = [normal.written(finding) for finding in detector.find(normal.text)]
        for label in sample.labels:
            score = scores.setdefault(label.kind, Score())
            score.expected += 1
            if any((one.start, one.end) == (label.start, label.end) for one in findings):
                score.found += 1
            else:
                problems.append(f"missed {label.kind}: {sample.text[label.start : label.end]!r} in {sample.text!r}")
        for finding in wrong(findings, sample.labels):
            scores.setdefault(finding.kind, Score()).wrong[sample.kind] += 1
            problems.append(f"wrong {finding.kind}: {sample.text[finding.start : finding.end]!r} in {sample.text!r}")
    return scores, problems


def wrong(findings: Sequence[Finding], labels: Sequence[Label]) -> list[Finding]:
    """The findings that reach beyond what is private, one of each kind."""
    outside = [
        one for one in findings if not any(label.start <= one.start and one.end <= label.end for label in labels)
    ]
    return list({one.kind: one for one in outside}.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default="validated", help="its kind (default: validated)")
    parser.add_argument("--options", default="{}", help="its options, as JSON")
    parser.add_argument("--half", choices=("tuned", "test"), default="test", help="of the corpus (default: test)")
    parser.add_argument("--problems", action="store_true", help="what the tuned half shows; the other is for measuring")
    parser.add_argument("--json", action="store_true", help="figures for programs")
    options = parser.parse_args()
    half: Half = "tuned" if options.problems else options.half
    detector = open_detector(options.detector, **json.loads(options.options))
    private, harmless = samples(half)
    scores, problems = judge(detector, [*private, *harmless])
    if options.problems:
        print("\n".join(problems))
        return
    kinds = {sample.kind for sample in harmless}
    if options.json:
        figures = {kind: one.figures() for kind, one in scores.items()}
        sizes = {"positives": len(private), "negatives": len(harmless), "kinds": len(kinds)}
        print(json.dumps({**sizes, "scores": figures}))
        return
    print(f"{len(private):,} texts with private data, {len(harmless):,} without, of {len(kinds)} kinds.\n")
    print("| kind | in the corpus | recall | precision | taken for it |\n|---|---|---|---|---|")
    for kind, score in sorted(scores.items(), key=lambda one: (one[0] not in CHECKED, one[0])):
        recall = f"{score.recall:.3f}" if score.expected else "-"
        taken = ", ".join(f"{count} {name}" for name, count in score.wrong.most_common(3))
        print(f"| `{kind}` | {score.expected:,} | {recall} | {score.precision:.3f} | {taken} |")


if __name__ == "__main__":
    main()
