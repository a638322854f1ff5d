"""``lightagent resume FILE``: resume a run from a file of ``run --journal FILE``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lightagent.application.journals.journal import Journal
from lightagent.entrypoints.cli.ask_decisions import Approve, CallId, Edit, Reject, Respond, decision_of
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.journal_file import open_journal_file, run_in_file
from lightagent.entrypoints.cli.options import (
    AsJson,
    Config,
    Debug,
    Instructions,
    Model,
    Profile,
    ShowTrace,
    Strict,
    Tools,
    TrustConfig,
    settings_for,
)
from lightagent.entrypoints.cli.resume_run import Resuming, resume_with
from lightagent.entrypoints.cli.swarm_files import Swarm, refuse_beside_a_swarm
from lightagent.ports.journals import JournalStore


@guarded
def resume_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file that `lightagent run --journal FILE` has written.")
    ],
    approve: Approve = False,
    reject: Reject = None,
    edit: Edit = None,
    respond: Respond = None,
    call: CallId = None,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="The run, if several wait.")] = None,
    tools: Tools = None,
    swarm: Swarm = None,
    model: Model = None,
    instructions: Instructions = None,
    as_json: AsJson = False,
    trace: ShowTrace = False,
    config: Config = None,
    profile: Profile = None,
    strict: Strict = False,
    debug: Debug = False,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Resume a run that was interrupted, or that waits for a decision about a tool call.

    Completed calls are never repeated. Give the agent the same tools as when the run was started. Exit codes are those
    of `run`.

    **Examples**

    `lightagent resume pay.db --tools bank.py`, which shows what waits, or continues after a crash

    `lightagent resume pay.db --tools bank.py --approve`

    `lightagent resume pay.db --tools bank.py --reject "Too expensive."`

    `lightagent resume pay.db --tools bank.py --edit '{"amount": 5}'`

    `lightagent resume pay.db --swarm examples/service_desk/desk.py:desk --approve`
    """
    if swarm is not None:
        refuse_beside_a_swarm({"--model": model})

    async def find(store: JournalStore) -> Journal:
        return await run_in_file(store, file, run)

    return resume_with(
        find,
        decision_of(approve, reject, edit, respond),
        call,
        partial(settings_for, config, profile, debug, trust_config, model),
        Resuming(tools, instructions, swarm, strict, as_json, trace),
        kept=open_journal_file(file, is_there=True),
    )
