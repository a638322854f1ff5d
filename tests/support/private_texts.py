"""Texts with private data in them, to be held back."""

from __future__ import annotations

import random

from tests.support.detector_samples import PRIVATE

WORDS = [
    "The",
    "order",
    "of",
    "12",
    "parts,",
    "see",
    "page",
    "9",
    "(or",
    "10.5):",
    "it",
    "is",
    "100",
    "%",
    "fine",
    "-",
    "really.",
    "Zo\u00eb",
    "said:",
    "naïve",
    "\uff14\uff12",
    "words.",
]
UNSEEN = ("", "\u200b", "\u00ad", "\u2060")


def texts(count: int, size: int, *, longest: int = 1_000) -> list[str]:
    """Words with private data among them, some of it spelled so that people read it and simple expressions do not.

    Args:
        longest: characters of the private data, at most.
    """
    private = [one for one in PRIVATE if len(one) <= longest]
    chance, made = random.Random(7), list[str]()
    while len(made) < count:
        words: list[str] = []
        while sum(map(len, words)) < size:
            words.append(chance.choice(private if chance.random() < 0.1 else WORDS))
        text = chance.choice(" \n").join(words)
        if chance.random() < 0.3:
            text = "".join(character + chance.choice(UNSEEN) for character in text)
        if chance.random() < 0.2:
            text = text.translate({code: code + 0xFEE0 for code in range(0x30, 0x3A)})
        made.append(text)
    return made
