"""Run by path as a child process: `python llama_child.py MODEL.gguf ALIAS` serves the model until stdin closes."""

import importlib
import sys
from collections.abc import Callable
from typing import Protocol, cast


class ModelParams(Protocol):
    path: str


class CpuParams(Protocol):
    n_threads: int


class Params(Protocol):
    """The part of llama.cpp's parameters that is set here; xllamacpp carries no type information."""

    model: ModelParams
    cpuparams: CpuParams
    cpuparams_batch: CpuParams
    model_alias: set[str]
    n_ctx: int
    n_parallel: int
    hostnames: list[str]
    port: int
    use_jinja: bool


class Listener(Protocol):
    @property
    def listening_address(self) -> str: ...


class Xllamacpp(Protocol):
    CommonParams: Callable[[], Params]
    Server: Callable[[Params], Listener]


def main(model_file: str, alias: str) -> None:
    xllamacpp = cast(Xllamacpp, importlib.import_module("xllamacpp"))
    params = xllamacpp.CommonParams()
    params.model.path = model_file
    params.model_alias = {alias}
    # Several threads spin while they wait for each other: beside another busy process that takes ten times as long.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_ctx = 4096
    params.n_parallel = 1
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.use_jinja = True
    server = xllamacpp.Server(params)
    sys.stdout.write(f"listening on {server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
