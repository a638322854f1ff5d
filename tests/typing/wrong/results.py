"""Results taken for what they are not, and forms that do not exist."""

from pydantic import BaseModel

from lightagent import Journal, LightAgent, RunResult


class City(BaseModel):
    name: str


def use(value: object) -> None: ...


agent = LightAgent()
typed = LightAgent(output_type=City)
union = LightAgent(output_type=City | int)


def forms_that_do_not_exist(journal: Journal) -> None:
    agent.run("?", result_format="text")  # wrong
    agent.run("?", result_format="event")  # wrong
    agent.run("?", stream=True, result_format="object")  # wrong
    agent.run("?", stream=True, result_format="dict")  # wrong
    agent.astream("?", result_format="object")  # wrong
    agent.resume(journal, "approve")  # wrong
    agent.resume(journal, result_format="str")  # wrong


async def async_forms_that_do_not_exist() -> None:
    await agent.arun("?", result_format="event")  # wrong
    await agent.arun("?", stream=True)  # wrong
    await agent.astream("?")  # wrong
    agent.arun("?").upper()  # wrong


def taken_for_another_type() -> None:
    number: int = agent.run("?")  # wrong
    text: str = agent.run("?", result_format="object")  # wrong
    live: str = agent.run("?", stream=True)  # wrong
    other: RunResult[int] = typed.run("?", result_format="object")  # wrong
    output: City = typed.run("?", result_format="object").output  # wrong
    several: City = union.run("?", result_format="object").unwrap()  # wrong
    words: str = typed.run("?", result_format="object").unwrap()  # wrong
    del number, text, live, other, output, several, words


def asked_for_what_is_not_there() -> None:
    use(agent.run("?", result_format="object").text)  # wrong
    use(typed.run("?", result_format="object").unwrap().population)  # wrong
    agent.run("?", stream=True).upper()  # wrong
    use(agent.run("?").result)  # wrong
    use(typed.run("?", stream=True).result.unwrap().population)  # wrong
    use(agent.run("?", result_format="dict").content)  # wrong
    for event in agent.run("?", stream=True, result_format="event"):
        use(event.choices)  # wrong
    for chunk in agent.run("?", stream=True):
        use(chunk.type)  # wrong


def right() -> None:
    city: City = typed.run("?", result_format="object").unwrap()
    del city
