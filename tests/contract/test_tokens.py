"""The certificates of the token counters."""

import pytest

from lightagent.testing.contracts.token_counter import TokenCounterContract
from tests.support.encodings import encodings_folder


class TestEstimate(TokenCounterContract):
    kind = "estimate"


class TestTiktoken(TokenCounterContract):
    kind = "tiktoken"

    @pytest.fixture(autouse=True)
    def files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(encodings_folder()))
