"""Methods of one form called with what they do not take."""

from dataclasses import dataclass

from lightagent import Journal, LightAgent, LightFlow, LightSwarm, RunResult, RunStream, StreamEvent


@dataclass
class Deps:
    token: str


plain = LightAgent()
needing = LightAgent(deps_type=Deps, output_type=int)
deps = Deps("t")


def misspelt() -> None:
    plain.run("?", usr_id="u")  # wrong: usr_id
    plain.run_result("?", usr_id="u")  # wrong: usr_id
    plain.stream("?", timout=3)  # wrong: timout
    plain.stream_events("?", histroy=[])  # wrong: histroy
    plain.preview("?", metdata={})  # wrong: metdata
    needing.run("?", deps=deps, usr_id="u")  # wrong: usr_id
    needing.run_result("?", deps=deps, usr_id="u")  # wrong: usr_id
    needing.stream("?", dep=deps)  # wrong: deps


async def misspelt_too(journal: Journal) -> None:
    await plain.arun_result("?", usr_id="u")  # wrong: usr_id
    plain.astream("?", usr_id="u")  # wrong: usr_id
    plain.astream_events("?", usr_id="u")  # wrong: usr_id
    plain.aevents("?", usr_id="u")  # wrong: usr_id
    plain.resume(journal, tol=[])  # wrong: tol
    await needing.aresume(journal, deps=deps, user_id="u")  # wrong


def without_dependencies(journal: Journal) -> None:
    needing.run("?")  # wrong
    needing.run_result("?")  # wrong: deps
    needing.stream("?")  # wrong: deps
    needing.stream_events("?")  # wrong: deps
    needing.astream_events("?")  # wrong: deps
    needing.preview("?")  # wrong: deps
    needing.resume(journal)  # wrong: deps


def with_other_dependencies() -> None:
    needing.run_result("?", deps="t")  # wrong: deps
    needing.stream("?", deps=None)  # wrong
    plain.run_result("?", deps=deps)  # wrong
    plain.stream_events("?", deps=deps)  # wrong


async def forms_of_another_method() -> None:
    plain.run_result("?", result_format="object")  # wrong: result_format
    plain.run_result("?", stream=True)  # wrong: stream
    plain.stream("?", stream=True)  # wrong: stream
    plain.stream_events("?", result_format="event")  # wrong: result_format
    await plain.arun_result("?", result_format="dict")  # wrong: result_format
    await plain.stream("?")  # wrong


def taken_for_another_type() -> None:
    text: str = plain.run_result("?")  # wrong
    words: RunResult[str] = needing.run_result("?", deps=deps)  # wrong
    chunks: RunStream[StreamEvent, str] = plain.stream("?")  # wrong
    plain.stream("?").aclose()  # wrong
    plain.astream("?").close()  # wrong
    plain.stream("?").send(None)  # wrong
    del text, words, chunks


def swarms(swarm: LightSwarm[None], needy: LightSwarm[Deps], flow: LightFlow) -> None:
    swarm.run_result("?")  # wrong
    swarm.run_result(plain, "?", usr_id="u")  # wrong: usr_id
    swarm.run_result(needing, "?")  # wrong
    needy.run_result(needing, "?")  # wrong
    needy.stream(needing, "?", deps="t")  # wrong
    swarm.stream_events(plain, "?", result_format="event")  # wrong: result_format
    flow.run_result("?", result_format="str")  # wrong: result_format
    flow.run_result("?", usr_id="u")  # wrong: usr_id
