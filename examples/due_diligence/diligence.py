"""Whether to buy a company: a flow that reads, drafts, waits for a person and publishes, and survives its process.

    python examples/due_diligence/diligence.py                   # all at once, in a temporary directory
    python examples/due_diligence/diligence.py start FOLDER      # reads and drafts; then the run waits in FOLDER
    python examples/due_diligence/diligence.py show FOLDER       # how far it is, from any process
    python examples/due_diligence/diligence.py approve FOLDER    # publishes the report; or reject
    python examples/due_diligence/diligence.py resume FOLDER     # goes on after the process was killed

Try it: `start FOLDER --pace 5`, kill the process after the first finding, and `resume FOLDER`.
"""

import argparse
import tempfile
from pathlib import Path

from review import declare

from lightagent import ApprovalDecision, LightFlow, LightFlowResult

RUN = "northwind"
QUESTION = "Should we buy Northwind Tea?"


def tell(result: LightFlowResult) -> None:
    """How far the run is."""
    for step in result.steps:
        print(f"  {step.name:10} {step.status}")
    print(f"  → {result.status}")


def carry_out(command: str, flow: LightFlow) -> None:
    """Do what the command line says."""
    if command == "start":
        tell(flow.run(QUESTION, run_id=RUN))
    elif command == "resume":
        tell(flow.resume(RUN))
    elif command in ("approve", "reject"):
        decide = ApprovalDecision.approve if command == "approve" else ApprovalDecision.reject
        flow.approve(RUN, "publish", decide("Read it.", actor="chair"))
        tell(flow.resume(RUN))
    elif (record := flow.get_run(RUN)) is not None:
        print(f"  {record['status']}\n\n{record['content']}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", choices=("start", "show", "approve", "reject", "resume"))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument(
        "--pace", type=float, default=0.0, help="seconds that each analyst thinks longer than the one before"
    )
    options = parser.parse_args()
    if options.command and options.folder is None:
        parser.error("name the folder")
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        for command in [options.command] if options.command else ("start", "approve"):
            print(command)
            flow = declare(folder, options.pace)
            carry_out(command, flow)
            flow.close()
        if not options.command:
            print((folder / "board.jsonl").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
