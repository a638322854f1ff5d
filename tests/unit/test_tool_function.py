"""Whatever a user may pass as a tool is one, or is refused where it is passed."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeAlias, TypeVar

import pytest

from lightagent.application.tools.decorator import tool
from lightagent.application.tools.function_tool import FunctionTool, as_tool, is_tool
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.origin import Origin
from lightagent.domain.scopes import Scope
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.tools import RunContext, Tool

if TYPE_CHECKING:
    from lightagent.ports import tools as unseen

P = ParamSpec("P")
T = TypeVar("T")
Context: TypeAlias = RunContext[str]
place = contextvars.ContextVar("place", default="nowhere")


def context(deps: T, *, cancelled: bool = False) -> RunContext[T]:
    origin = Origin("run", "trace", agent_name="agent", scope=Scope("", "alice", ""))
    return RunContext(deps, origin, "c1", "run:1:c1", False, lambda _: None, lambda: cancelled)


async def result(function: Callable[..., object], **arguments: str | int) -> object:
    tool = as_tool(function)
    given: JsonObject = dict(arguments)
    return await tool.call(tool.check(given), context("deps"))


def here() -> str:
    return f"{place.get()} {threading.current_thread().name.rpartition('-')[0] or 'main'}"


def plain(x: int) -> str:
    return f"{x} {here()}"


async def asynchronous(x: int) -> str:
    await asyncio.sleep(0)
    return f"{x} {here()}"


def generator(x: int) -> Iterator[str]:
    yield from (str(x), " ", here())


async def async_generator(x: int) -> AsyncIterator[str]:
    for text in (str(x), " ", here()):
        await asyncio.sleep(0)
        yield text


class Shop:
    """A shop."""

    def __init__(self, name: str = "corner") -> None:
        self.name = name

    def buy(self, thing: str) -> str:
        """Buy a thing."""
        return f"{thing} from {self.name}"

    async def sell(self, thing: str) -> str:
        return f"{thing} to {self.name}"

    @classmethod
    def count(cls, x: int) -> int:
        return x

    @staticmethod
    def close(x: int) -> int:
        return -x

    def __call__(self, thing: str) -> str:
        return f"{thing} for {self.name}"


class AsyncShop:
    """An asynchronous shop."""

    async def __call__(self, thing: str) -> str:
        """Buy slowly."""
        return thing


def logged(function: Callable[P, T]) -> Callable[P, T]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    ("function", "thread"),
    [(plain, "lightagent-worker"), (asynchronous, "main"), (generator, "lightagent-worker"), (async_generator, "main")],
)
@pytest.mark.parametrize(
    "wrap", [lambda function: function, logged, functools.partial], ids=["bare", "wrapped", "partial"]
)
async def test_each_kind_of_function_runs(
    function: Callable[..., object], thread: str, wrap: Callable[[Callable[..., object]], Callable[..., object]]
) -> None:
    place.set("somewhere")
    found = await result(wrap(function), x=5)
    assert str(found).startswith("5 somewhere ")
    if wrap is not logged:  # A wrapper is no coroutine function, whatever it wraps: it runs in a thread.
        assert found == f"5 somewhere {thread}"


async def test_generators_are_joined_or_listed() -> None:
    def several() -> Iterator[object]:
        yield from ("a", 1, None)

    async def none() -> AsyncIterator[str]:
        texts: list[str] = []
        for text in texts:
            yield text

    async def made() -> Iterator[str]:
        return generator(1)

    assert await result(several) == ["a", 1, None]
    assert await result(none) is None
    assert str(await result(made)).startswith("1 ")


async def test_a_generator_that_nobody_waits_for_stops() -> None:
    seen: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            seen.append(len(seen))
            yield len(seen)

    assert await as_tool(endless).call({}, context(None, cancelled=True)) == [1]
    assert seen == [0]


async def test_methods_objects_and_partials_are_tools() -> None:
    assert await result(Shop().buy, thing="tea") == "tea from corner"
    assert await result(Shop("big").buy, thing="tea") == "tea from big"
    assert await result(Shop().sell, thing="tea") == "tea to corner"
    assert await result(Shop.count, x=1) == 1
    assert await result(Shop.close, x=1) == -1
    assert await result(Shop(), thing="tea") == "tea for corner"
    assert await result(AsyncShop(), thing="tea") == "tea"
    assert await result(functools.partial(Shop().buy, thing="milk")) == "milk from corner"


def test_names_and_descriptions_come_from_where_they_are_written() -> None:
    specs = [as_tool(one).spec for one in (Shop().buy, Shop(), AsyncShop(), functools.partial(Shop.buy, Shop()))]
    assert [(spec.name, spec.description) for spec in specs] == [
        ("buy", "Buy a thing."),
        ("Shop", "A shop."),
        ("AsyncShop", "Buy slowly."),
        ("buy", "Buy a thing."),
    ]


def test_what_a_partial_binds_is_not_shown() -> None:
    def fetch(url: str, key: str, depth: int = 1) -> str:
        return url + key * depth

    shown = as_tool(functools.partial(fetch, key="secret")).spec.parameters
    assert shown["properties"] == {"url": {"type": "string"}, "depth": {"type": "integer", "default": 1}}
    assert "secret" not in str(shown)
    assert as_tool(functools.partial(fetch, "http://x")).spec.parameters["required"] == ["key"]


async def test_positional_only_parameters_work() -> None:
    def ask(run: Context, /, question: str) -> str:
        return f"{question} {run.deps}"

    def add(x: int, y: int = 10, /, z: int = 100) -> int:
        return x + y + z

    assert await result(ask, question="why") == "why deps"
    assert await result(add, x=1) == 111
    assert await result(add, x=1, z=0, y=2) == 3


def first(run: RunContext[str], x: int) -> str:
    return f"{x} {run.deps} {run.user_id}"


def last(x: int, *, run: Context) -> str:
    return first(run, x)


def optional(x: int, run: RunContext[str] | None = None) -> str:
    return first(run, x) if run else "none"


def annotated(x: int, run: Annotated[RunContext[str], "deps"]) -> str:
    return first(run, x)


def invisible(x: int, run: unseen.RunContext[str]) -> str:
    return first(run, x)


@pytest.mark.parametrize("function", [first, last, optional, annotated, invisible])
async def test_the_context_comes_in_wherever_it_is_asked_for(function: Callable[..., object]) -> None:
    assert await result(function, x=5) == "5 deps alice"
    assert as_tool(function).spec.parameters["required"] == ["x"]


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda: 1, "'<lambda>' has not. Give the function a name, or pass name=."),
        (Shop, "Shop is a class; a tool is a function or an object one can call."),
        (Shop.buy, "Tool 'buy': parameter 'self' has no annotation.* Declare a method by as_tool.object.method."),
        (logged, None),
        (min, "Tool 'min': its signature cannot be read"),
        (print, r"Tool 'print': a model cannot be told of '\*args'; name the parameters."),
        (5, "A tool is a function or an object with spec, check and call, not 5."),
        (None, "A tool is a function or an object with spec, check and call, not None."),
    ],
)
def test_a_value_that_cannot_be_a_tool_is_refused_at_once(function: Callable[..., object], told: str | None) -> None:
    if told is None:
        assert as_tool(function).function is function  # Its type is refused when it is worked out, not before.
        return
    with pytest.raises(ConfigurationError, match=told) as caught:
        as_tool(function)
    assert isinstance(caught.value, ValueError)


def test_parameters_that_a_model_cannot_fill_are_refused_at_once() -> None:
    def many(*names: str) -> None: ...
    def named(**names: str) -> None: ...

    with pytest.raises(
        ConfigurationError, match=r"Tool 'many': a model cannot be told of '\*names'; name the parameters."
    ):
        as_tool(many)
    with pytest.raises(ConfigurationError, match=r"Tool 'named': a model cannot be told of '\*\*names'"):
        as_tool(named)
    plain_name = tool(name="nothing")(lambda: 1)
    assert plain_name.spec.name == "nothing"
    with pytest.raises(ConfigurationError, match="Tool 'f': parameter 'x' has no annotation; annotate it, or give it"):
        tool(name="f")(lambda x: x)


@pytest.mark.parametrize("name", ["my tool", "a" * 65, "naïve", "a.b", "x\n", "<lambda>"])
def test_names_that_providers_refuse_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="A tool's name has 1 to 64 of a-z, A-Z, 0-9, _ and -"):
        tool(name=name)(plain)


@tool
def bare(x: int, y: int = 1) -> int:
    """Add."""
    return x + y


@tool(name="adder", description="Adds.", timeout=5, output_limit=10, idempotent=True, requires_approval=True)
async def full(run: RunContext[str], x: int) -> int:
    """Never shown."""
    return x + len(run.deps)


async def test_a_decorated_function_stays_what_it_was() -> None:
    assert bare(1, y=2) == 3
    assert (bare.__name__, bare.__doc__) == ("bare", "Add.")
    assert list(inspect.signature(bare).parameters) == ["x", "y"]
    assert as_tool(bare) is bare
    assert bare.spec.description == "Add."
    assert await bare.call(bare.check({"x": 1}), context(None)) == 2
    assert await full(context("ab"), 1) == 3


def test_options_are_in_the_declaration() -> None:
    parameters = full.spec.parameters
    assert full.spec == ToolSpec("adder", "Adds.", parameters, "", 5, 10, True, True)
    assert repr(full) == "DeclaredTool('adder')"
    assert full.spec is full.spec


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_timeout_out_of_range_is_refused(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="A tool's timeout is a positive number of seconds or None, not"):
        tool(timeout=timeout)


def test_an_output_limit_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="A tool's output_limit is at least 1, not 0"):
        tool(output_limit=0)


class Own(Tool[object]):
    """A tool by shape, whose declaration costs something."""

    looked = 0

    @property
    def spec(self) -> ToolSpec:
        type(self).looked += 1
        return ToolSpec("own", "Own.", {})

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        return arguments

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
        return dict(arguments)

    def __call__(self) -> Awaitable[None]:
        raise NotImplementedError


def test_a_tool_object_stays_as_it_is() -> None:
    own = Own()
    assert as_tool(own) is own
    assert Own.looked == 0
    assert not is_tool(Own)
    assert not is_tool(plain)


def test_a_declaration_is_made_once_a_function_and_dies_with_it() -> None:
    def make() -> Callable[[int], int]:
        def double(x: int) -> int:
            return 2 * x

        return double

    function = make()
    assert as_tool(function).spec is as_tool(function).spec
    assert as_tool(Shop().buy).spec is as_tool(Shop("other").buy).spec
    gone = weakref.ref(function)
    del function
    gc.collect()
    assert gone() is None


def test_a_wrapper_is_not_taken_for_what_it_wraps() -> None:
    def calm(x: int) -> int:
        return x

    as_tool(calm).check({"x": 1})
    wrapper = logged(calm)
    assert isinstance(as_tool(wrapper), FunctionTool)
    assert as_tool(wrapper).function is wrapper


def test_many_threads_may_work_out_one_tool_at_once() -> None:
    def busy(x: int, y: list[int] | None = None) -> None: ...

    barrier = threading.Barrier(8)
    seen: list[Mapping[str, object]] = []

    def use() -> None:
        barrier.wait()
        seen.append(as_tool(busy).check({"x": 1}))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [{"x": 1}] * 8


def test_a_tool_may_refer_to_a_variable_that_has_no_value_yet() -> None:
    def report(text: str) -> str:
        """Report."""
        return f"{later}: {text}"

    described = as_tool(report).spec.parameters
    later = "the agent"

    assert described["required"] == ["text"]
    assert report("x") == "the agent: x"
