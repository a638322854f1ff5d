"""What every source of tools does, as tests to subclass.

    class TestMine(ToolSourceContract):
        def make(self) -> ToolSource[object]:
            return MySource("…")

The source that is made lists one tool or more. The tests run event loops of their own, and need no plugin of pytest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.schema_validation import check_schema
from lightagent.application.tools.signature import VALID_NAME
from lightagent.domain.errors import ToolError
from lightagent.ports.tools import Tool, ToolList, ToolSource


class ToolSourceContract:
    """Subclass it, and override `make`."""

    def make(self) -> ToolSource[object]:
        """A source that lists one tool or more, new at each call."""
        raise NotImplementedError(f"{type(self).__name__}.make()")

    def test_it_says_what_it_is(self) -> None:
        source = self.make()
        assert isinstance(source.name, str)
        assert source.name
        assert isinstance(source.version, int)
        assert source.version == source.version, "another version means another list"

    def test_it_lists_tools_by_the_names_that_models_call_them_by(self) -> None:
        listed = asyncio.run(_once(self.make()))
        assert isinstance(listed, ToolList)
        assert listed.tools
        for name, tool in listed.tools.items():
            assert VALID_NAME.fullmatch(name), "providers refuse other names"
            assert tool.spec.name == name
            assert tool.spec == tool.spec, "a declaration is the same at every look"
            check_schema(name, tool.spec.parameters)
        assert set(listed.offered or ()) <= set(listed.tools)

    def test_it_lists_the_same_again_and_keeps_its_version(self) -> None:
        async def twice() -> None:
            source = self.make()
            first = await source.tools()
            version = source.version
            again = await source.tools()
            assert list(first.tools) == list(again.tools)
            assert first.offered == again.offered
            assert source.version == version
            await source.aclose()

        asyncio.run(twice())

    def test_it_is_listed_by_several_at_once(self) -> None:
        async def together() -> None:
            source = self.make()
            lists = await asyncio.gather(*(source.tools() for _ in range(8)))
            assert len({tuple(listed.tools) for listed in lists}) == 1
            await source.aclose()

        asyncio.run(together())

    def test_it_serves_several_event_loops_and_threads(self) -> None:
        source = self.make()
        with ThreadPoolExecutor(4) as threads:
            lists = list(threads.map(lambda _: asyncio.run(_listed(source)), range(8)))
        assert len({tuple(listed.tools) for listed in lists}) == 1
        asyncio.run(source.aclose())

    def test_it_can_be_closed_several_times_and_opens_again(self) -> None:
        async def close_and_open() -> None:
            source = self.make()
            await source.aclose()
            first = await source.tools()
            await source.aclose()
            await source.aclose()
            assert list((await source.tools()).tools) == list(first.tools)
            await source.aclose()

        asyncio.run(close_and_open())

    def test_its_tools_refuse_arguments_in_words_for_the_model(self) -> None:
        listed = asyncio.run(_once(self.make()))
        for tool in listed.tools.values():
            found = _checked(tool)
            assert isinstance(found, Mapping) or str(found).startswith(f"[{found.code}] ")

    def test_an_agent_can_have_it(self) -> None:
        async def catalogued() -> None:
            source = self.make()
            catalogue: Catalogue[object] = Catalogue((), (source,))
            toolset = await catalogue.toolset()
            listed = await source.tools()
            assert list(toolset.tools) == list(listed.tools)
            await toolset.describe(toolset.initial)
            assert [spec.name for spec in toolset.specs(toolset.initial)] == list(toolset.initial)
            await catalogue.aclose()

        asyncio.run(catalogued())


async def _listed(source: ToolSource[object]) -> ToolList[object]:
    return await source.tools()


async def _once(source: ToolSource[object]) -> ToolList[object]:
    try:
        return await source.tools()
    finally:
        await source.aclose()


def _checked(tool: Tool[object]) -> Mapping[str, object] | ToolError:
    try:
        return tool.check({"no such argument, surely": [None]})
    except ToolError as error:
        return error
