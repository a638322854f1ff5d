"""``lightagent chat``: an interactive conversation with an agent or a swarm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from lightagent.agent import LightAgent
from lightagent.application.journals.journal import Journal
from lightagent.bootstrap import open_app
from lightagent.entrypoints.cli.chat_loop import Conversation, Talk
from lightagent.entrypoints.cli.console import err
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.logins import app_logins
from lightagent.entrypoints.cli.notices import announce_stand_in, show_destination, show_losses
from lightagent.entrypoints.cli.options import (
    Config,
    Debug,
    Instructions,
    Model,
    Profile,
    Session,
    Strict,
    Tenant,
    Tools,
    TrustConfig,
    User,
    settings_for,
)
from lightagent.entrypoints.cli.resume_run import desk_of
from lightagent.entrypoints.cli.run_command import agent_options
from lightagent.entrypoints.cli.stores import require_store
from lightagent.entrypoints.cli.swarm_files import OpenedSwarm, Swarm, refuse_beside_a_swarm
from lightagent.entrypoints.cli.tools.files import load_tools
from lightagent.options import AgentOptions, RunOptions

_UNDECIDED_STORED = (
    "A tool call waits for approval. Decide with `lightagent sessions resume`; the next chat in this session "
    "asks again."
)


@guarded
def chat(
    tools: Tools = None,
    swarm: Swarm = None,
    config: Config = None,
    profile: Profile = None,
    model: Model = None,
    instructions: Instructions = None,
    tenant: Tenant = "",
    user: User = "",
    session: Session = None,
    strict: Strict = False,
    debug: Debug = False,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Chat with an agent. Answers are streamed, tool calls are shown, and the conversation is kept until /reset.

    Commands in the chat: /help, /trace, /reset, /exit. Ctrl-C stops the current answer, Ctrl-D leaves. Pasted lines are
    one question. On a terminal you are asked about tool calls that wait for approval (y, n REASON, or e to edit the
    arguments), in a stored session also about a call that has waited since an earlier chat.

    **Examples**

    `lightagent chat`

    `lightagent chat --tools examples/repository_tools.py`

    `lightagent chat --swarm examples/service_desk/desk.py:desk`, whose first agent gets each question

    `lightagent chat --session monday`, which continues a stored conversation

    `lightagent chat --profile prod --instructions "Answer in French."`
    """
    options = RunOptions(tenant=tenant, user_id=user, session_id=session, trace=True)
    if swarm is not None:
        refuse_beside_a_swarm(
            {
                "--tools": tools,
                "--model": model,
                "--instructions": instructions,
                "--config": config,
                "--profile": profile,
                "--debug": debug,
                "--trust-config": trust_config,
            }
        )
        return _talk_with_swarm(swarm, options, strict=strict)
    settings = settings_for(config, profile, debug, trust_config, model)
    announce_stand_in(settings, strict=strict)
    asked = agent_options(load_tools(tools), instructions)
    app = open_app(settings, logins=app_logins(settings))
    if session is not None:
        require_store(app.journals)

    def beginner(journal: Journal) -> LightAgent:
        hooks = [] if app.journals is None else [desk_of(app.journals, journal)]
        return app.agent(**(asked | AgentOptions(hooks=hooks)))

    show_destination(app.model)
    talk = Talk(app.agent(**asked), options, _UNDECIDED_STORED, app.journals, beginner)
    code = _hold(talk, app.model.name, app.aclose)
    show_losses(app)
    return code


def _talk_with_swarm(spec: str, options: RunOptions, *, strict: bool) -> ExitCode:
    opened = OpenedSwarm(spec, strict=strict)
    show_destination(*opened.models)
    talk = Talk(opened.front, options, _UNDECIDED_STORED, opened.journals, opened.beginner)
    return _hold(talk, opened.title, opened.aclose)


def _hold(talk: Talk, title: str, close: Callable[[], Coroutine[object, object, None]]) -> ExitCode:
    """Run the conversation until the person leaves.

    Args:
        title: the name of the model or the agents, for the greeting.
        close: closes the app or the swarm.
    """
    err().print(f"{title} · /help for help, Ctrl-D to leave", markup=False)
    with asyncio.Runner() as runner:
        try:
            Conversation(talk, runner).hold()
        finally:
            # Connections must be closed on the event loop that opened them.
            runner.run(close())
    return ExitCode.COMPLETED
