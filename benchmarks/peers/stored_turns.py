"""Conversations that are stored in SQLite, as a reader of each library's documentation would write them."""

from contextlib import AsyncExitStack
from pathlib import Path

from common import STORED_ANSWER, Turn
from peers.fixed_models import lightagent_model, openai_agents_model


async def bounded_turns(file: Path, stack: AsyncExitStack) -> Turn:
    """This project with a context budget, as a conversation that goes on for years needs one."""
    return await lightagent_turns(file, stack, max_tokens=4000)


async def lightagent_turns(file: Path, stack: AsyncExitStack, *, max_tokens: int | None = None) -> Turn:
    """This project: `session_id=` over its SQLite store."""
    from lightagent import ContextBudget, LightAgent
    from lightagent.adapters.journals.sqlite import SqliteJournalStore

    store = SqliteJournalStore(str(file))
    stack.push_async_callback(store.aclose)
    budget = None if max_tokens is None else ContextBudget(max_tokens=max_tokens, strategy="drop")
    agent = LightAgent(model=lightagent_model(), instructions="You answer.", session_store=store, context_budget=budget)

    async def turn(question: str) -> str:
        return await agent.arun(question, session_id="one", user_id="ann")

    return turn


async def langgraph_turns(file: Path, stack: AsyncExitStack) -> Turn:
    """A graph of one node over `AsyncSqliteSaver`."""
    from langchain_core.messages import AIMessage
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
    from langgraph.graph import END, START, MessagesState, StateGraph

    saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(file)))

    async def node(state: MessagesState) -> dict[str, list[AIMessage]]:
        return {"messages": [AIMessage(STORED_ANSWER)]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", node)
    graph.add_edge(START, "model")
    graph.add_edge("model", END)
    app = graph.compile(checkpointer=saver)

    async def turn(question: str) -> str:
        state = await app.ainvoke({"messages": [("user", question)]}, {"configurable": {"thread_id": "one"}})
        return str(state["messages"][-1].content)

    return turn


async def openai_agents_turns(file: Path, stack: AsyncExitStack) -> Turn:
    """`Runner.run` with its `SQLiteSession`."""
    import agents

    agent = agents.Agent(name="bench", instructions="You answer.", model=openai_agents_model())
    session = agents.SQLiteSession("one", str(file))
    stack.callback(session.close)

    async def turn(question: str) -> str:
        result = await agents.Runner.run(agent, question, session=session)
        return str(result.final_output)

    return turn
