"""Runs programs as processes in a sandbox of bubblewrap."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.code.subprocess.runner import SubprocessRunner
from lightagent.adapters.registry import Adapter
from lightagent.domain.code.programs import CodeLimits

__all__ = ["ADAPTER", "SubprocessOptions", "SubprocessRunner"]

_USUAL = CodeLimits()


class SubprocessOptions(BaseModel):
    """Options of the kind `subprocess`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    python: str | None = Field(default=None, description="the interpreter by its path; by default this program's own")
    bubblewrap: str | None = Field(default=None, description="where bwrap is; by default it is looked for")
    allow_unisolated: bool = Field(
        default=False, description="run code also where it cannot be isolated, with all rights of this user"
    )
    seconds: float = Field(default=_USUAL.seconds, description="how long a program may take", gt=0)
    memory: int = Field(default=_USUAL.memory, description="bytes of memory for each process", gt=0)
    processes: int = Field(default=_USUAL.processes, description="processes and threads at once", gt=0)
    output: int = Field(default=_USUAL.output, description="bytes of standard output, and of standard error", gt=0)
    disk: int = Field(default=_USUAL.disk, description="bytes of the private directory, and of a file", gt=0)


def _open(options: SubprocessOptions) -> SubprocessRunner:
    return SubprocessRunner(
        python=options.python,
        limits=CodeLimits(options.seconds, options.memory, options.processes, options.output, options.disk),
        allow_unisolated=options.allow_unisolated,
        bubblewrap=options.bubblewrap,
    )


ADAPTER = Adapter(SubprocessOptions, _open)
