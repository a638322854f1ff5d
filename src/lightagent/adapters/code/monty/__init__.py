"""Runs a safe subset of Python with Monty, an interpreter that can reach nothing unless it is handed to it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.code.monty.runner import MontyRunner
from lightagent.adapters.registry import Adapter
from lightagent.domain.code.programs import CodeLimits

__all__ = ["ADAPTER", "MontyOptions", "MontyRunner"]

_USUAL = CodeLimits()


class MontyOptions(BaseModel):
    """Options of the kind `monty`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    seconds: float = Field(default=_USUAL.seconds, description="how long a program may take", gt=0)
    memory: int = Field(default=_USUAL.memory, description="bytes of memory", gt=0)
    output: int = Field(default=_USUAL.output, description="bytes of standard output, and of error", gt=0)
    disk: int = Field(default=_USUAL.disk, description="bytes that it may write to its folder", gt=0)


def _open(options: MontyOptions) -> MontyRunner:
    return MontyRunner(limits=CodeLimits(options.seconds, options.memory, output=options.output, disk=options.disk))


ADAPTER = Adapter(MontyOptions, _open, requires=("pydantic_monty",), extra="monty")
