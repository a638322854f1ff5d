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
    """It keeps what can be kept without a sandbox; what it does not is what it was allowed for."""

    kind = "subprocess"

    def prepare(self) -> Mapping[str, object]:
        return {"allow_unisolated": True, "bubblewrap": "/nowhere/bwrap"}

    test_nothing_outside_of_the_folder_is_read = None
    test_a_folder_that_is_to_be_read_is_not_changed = None
