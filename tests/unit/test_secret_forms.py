"""What is masked for its form alone."""

from __future__ import annotations

import pytest

from lightagent.domain.secrets.forms import mask_tokens

GITHUB = "ghp_" + "a1" * 18
OPENAI = "sk-proj-" + "b2" * 20


@pytest.mark.parametrize("before", ["", " ", "0", "=", "é", "_", "-"])
@pytest.mark.parametrize("token", [GITHUB, OPENAI])
def test_tokens_are_masked_whatever_digit_or_sign_is_before_them(token: str, before: str) -> None:
    assert mask_tokens(f"{before}{token} and more", "***") == f"{before}*** and more"


@pytest.mark.parametrize("text", ["task-2024-11-30-of-the-desk", "a risk_assessment_2026_final"])
def test_words_that_end_like_the_beginning_of_a_token_stay(text: str) -> None:
    assert mask_tokens(text, "***") == text
