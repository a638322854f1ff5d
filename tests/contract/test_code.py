"""The certificates of what runs programs."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from lightagent.testing.contracts.code_runner import CodeRunnerContract


class TestMonty(CodeRunnerContract):
    kind = "monty"
    takes_arguments: ClassVar[bool] = False


@pytest.mark.needs("bubblewrap")
class TestSubprocess(CodeRunnerContract):
    kind = "subprocess"


class TestUnisolated(CodeRunnerContract):
    kind = "subprocess"
    is_isolated: ClassVar[bool] = False

    def prepare(self) -> Mapping[str, object]:
        return {"allow_unisolated": True, "bubblewrap": "/nowhere/bwrap"}
