"""The command line as a user has it: exit codes, what goes where, pipes and Ctrl-C, these in real processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command_line import call_lightagent
from tests.support.warm_programs import WarmPrograms

ROOT = Path(__file__).parents[2]
TOOLS = str(ROOT / "examples/repository_tools.py")
MODULE = [sys.executable, "-m", "lightagent.entrypoints.cli"]

# What runs in the background, as under nohup and in some CI, hands down that Ctrl-C is ignored.
INTERRUPTIBLE = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from lightagent.entrypoints.cli import main; main()",
]

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**variables: str) -> dict[str, str]:
    """Ours without anything that configures an agent; files that are found are trusted."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LIGHTAGENT_"))}
    return {**kept, "PYTHONIOENCODING": "utf-8", "LIGHTAGENT_TRUST_CONFIG": "1", **variables}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


@pytest.fixture
def cli(folder: Path) -> Cli:
    """Calls `lightagent` in an empty repository, in this process."""

    def run(*arguments: str, stdin: str = "", **variables: str) -> "subprocess.CompletedProcess[str]":
        return call_lightagent(*arguments, folder=folder, variables=environment(**variables), stdin=stdin)

    return run


@pytest.fixture
def process(folder: Path, warm_programs: WarmPrograms) -> Cli:
    """The same in a process of its own."""
    program = folder / ".git/lightagent_command.py"
    program.write_text("from lightagent.entrypoints.cli import main\n\nmain()\n", encoding="utf-8")

    def run(*arguments: str, stdin: str = "", **variables: str) -> "subprocess.CompletedProcess[str]":
        return warm_programs.run(program, *arguments, folder=folder, environment=environment(**variables), stdin=stdin)

    return run


def configure(folder: Path, text: str) -> None:
    (folder / "lightagent.toml").write_text(text, encoding="utf-8")


def scripted(folder: Path, *replies: object) -> None:
    configure(folder, f'[default.model]\nkind = "scripted"\nreplies = {toml(list(replies))}\n')


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def test_the_answer_alone_goes_to_standard_output(process: Cli, folder: Path) -> None:
    scripted(folder, {"tool_calls": [{"name": "calculate", "arguments": {"expression": "2*21"}}]}, "It is 42.")
    done = process("run", "what is 2*21?", "--tools", TOOLS)
    assert (done.returncode, done.stdout) == (0, "It is 42.\n")
    assert '→ calculate(expression="2*21")' in done.stderr
    assert "← calculate 42" in done.stderr


def test_without_settings_and_keys_the_offline_model_answers(cli: Cli) -> None:
    done = cli("run", "What is 12 * (3 + 4)?", "--tools", f"{TOOLS}:calculate")
    assert done.returncode == 0
    assert "84" in done.stdout
    assert "offline" in done.stdout


def test_the_question_comes_from_a_pipe(process: Cli) -> None:
    done = process("run", "-", "--tools", TOOLS, stdin="What is 6 * 7?\n")
    assert done.returncode == 0
    assert "42" in done.stdout


def test_the_trace_is_a_tree_on_standard_error(cli: Cli, folder: Path) -> None:
    scripted(folder, {"tool_calls": [{"name": "calculate", "arguments": {"expression": "1/0"}}]}, "No.")
    done = cli("run", "what is 1/0?", "--tools", TOOLS, "--trace")
    assert done.stdout == "No.\n"
    assert "├── turn 1" in done.stderr
    assert "failed" in done.stderr
    assert "└── completed" in done.stderr


def test_the_result_as_json(cli: Cli, folder: Path) -> None:
    scripted(folder, "Héllo")
    done = cli("run", "hi", "--json", "--user", "ada")
    result = json.loads(done.stdout)
    assert result["content"] == "Héllo"
    assert result["trace"][0]["data"]["user_id"] == "ada"


def test_a_failed_run_ends_with_1_and_says_what_to_do(process: Cli, folder: Path) -> None:
    configure(
        folder,
        '[default.model]\nkind = "openai"\nmodel = "m"\nbase_url = "http://127.0.0.1:9/v1"\n'
        "[default.agent]\nmax_retry = 1\n",
    )
    done = process("run", "hi")
    assert (done.returncode, done.stdout) == (1, "")
    assert "[LA-503]" in done.stderr
    assert "→ Start the server, or correct base_url" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_waits_for_a_human_ends_with_3(cli: Cli, folder: Path) -> None:
    scripted(folder, {"tool_calls": [{"name": "pay", "arguments": {"amount": 5}}]})
    (folder / "bank.py").write_text(
        "from lightagent.domain.runs.signals import ApprovalRequired\n\n"
        "def pay(amount: int) -> str:\n    raise ApprovalRequired('more than 1')\n"
    )
    done = cli("run", "pay 5", "--tools", "bank.py")
    assert done.returncode == 3
    assert "waits for approval" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("asynchronous", [True, False])
def test_ctrl_c_ends_with_130(folder: Path, asynchronous: bool) -> None:
    scripted(folder, {"tool_calls": [{"name": "wait", "arguments": {}}]}, "never")
    body = "async def wait() -> str:\n    await asyncio.sleep(600)\n" if asynchronous else WAIT
    (folder / "slow.py").write_text(f"import asyncio, time\n\n{body}")
    process = subprocess.Popen(
        [*INTERRUPTIBLE, "run", "wait", "--tools", "slow.py"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        assert process.stderr is not None
        assert "→ wait()" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)  # long before the tool would end
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert "Interrupted." in err
    assert "Traceback" not in err


WAIT = "def wait() -> str:\n    time.sleep(600)\n    return ''\n"


def test_a_chat_streams_keeps_the_conversation_and_forgets_it(process: Cli, folder: Path) -> None:
    call = {"tool_calls": [{"name": "calculate", "arguments": {"expression": "1+1"}}]}
    scripted(folder, "one", call, "two", "three")
    done = process("chat", "--tools", TOOLS, stdin="a\nb\n/trace\n/reset\n/trace\nc\n/nonsense\n/exit\nnever asked\n")
    assert done.returncode == 0
    assert done.stdout == "one\ntwo\nthree\n"
    assert "→ calculate" in done.stderr
    assert "turn 2" in done.stderr
    assert "No answer yet." in done.stderr
    assert "Unknown command /nonsense." in done.stderr


def test_a_chat_survives_a_failed_answer(cli: Cli, folder: Path) -> None:
    scripted(folder, "one")
    done = cli("chat", stdin="a\nb\n")
    assert done.returncode == 0
    assert done.stdout == "one\n"
    assert "has 1 reply" in done.stderr


def test_the_doctor_makes_a_round_trip(cli: Cli, folder: Path) -> None:
    scripted(folder, "OK")
    done = cli("doctor")
    assert done.returncode == 0
    assert "✓ model · scripted" in done.stdout


def test_the_doctor_says_what_to_do(cli: Cli, folder: Path) -> None:
    configure(folder, '[default.model]\nkind = "openai"\nmodel = "m"\n')
    done = cli("doctor")
    assert done.returncode == 1
    assert "✗ model · openai · m" in done.stdout
    assert "[LA-401]" in done.stderr
    assert "OPENAI_API_KEY" in done.stderr


def test_settings_are_shown_with_their_origin_and_without_secrets(cli: Cli, folder: Path) -> None:
    configure(folder, '[default.model]\nkind = "openai"\nmodel = "m"\napi_key = { env = "MY_KEY" }\n')
    done = cli("config", "show", MY_KEY="sk-canary-1", LIGHTAGENT__MODEL__TIMEOUT="5")
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert '{ env = "MY_KEY" }' in lines["model.api_key"]
    assert lines["model.api_key"].endswith("[default] lightagent.toml:4")
    assert lines["model.timeout"].endswith("$LIGHTAGENT__MODEL__TIMEOUT")
    assert "sk-canary-1" not in done.stdout + done.stderr


def test_no_command_shows_a_secret(cli: Cli, folder: Path) -> None:
    """Whatever the environment holds, and wherever it is wrong: in what is shown, checked, compared or tried out."""
    configure(
        folder,
        '[default.model]\nkind = "openai"\nmodel = "m"\napi_key = { env = "MY_KEY" }\nbase_url = { env = "MY_URL" }\n'
        '[other.agent]\nrole = "other"\n',
    )
    secret = 'sk-canary/1"2+3' + "z" * 300
    wrong = (f"http://me:{secret}@host/v1", f"{secret} x", f"http://127.0.0.1:9/v1?api_key={secret}", secret)
    environ = {"MY_KEY": secret, "LIGHTAGENT__AGENT__METADATA__ACCESSTOKEN": secret, "LIGHTAGENT__AGENT__NAME": "Ada"}
    environ |= {
        "LIGHTAGENT__AGENT__ROLE": f'{{"authtoken": "{secret[:12]}"',
        "HTTP_PROXY": f"http://me:{secret[:9]}@[::1]:9",
    }
    commands = (("config", "show"), ("config", "check"), ("config", "diff", "default", "other"), ("doctor", "--debug"))
    for url in (*wrong, "http://127.0.0.1:9/v1"):
        for command in commands:
            done = cli(*command, MY_URL=url, **environ)
            assert done.stdout + done.stderr
            assert "sk-canary" not in done.stdout + done.stderr
            assert "zzzzzzzz" not in done.stdout + done.stderr


def test_all_profiles_are_checked_at_once(cli: Cli, folder: Path) -> None:
    configure(
        folder,
        '[default.model]\nkind = "openai"\nmodel = "m"\ntimeout = "soon"\n'
        '[dev.model]\nkind = "nobody"\n[prod.model]\ntimeout = 5\napi_key = { env = "PROD_KEY" }\n',
    )
    done = cli("config", "check")
    assert done.returncode == 2
    assert "✗ default (chosen)" in done.stdout
    assert "default.model.timeout (lightagent.toml:4)" in done.stdout
    assert "dev.model.kind (lightagent.toml:6)" in done.stdout
    assert "✓ prod" in done.stdout
    assert "elsewhere: prod.model.api_key" in done.stdout
    assert "2 problems." in done.stderr
    assert "PROD_KEY is not set" in cli("config", "check", "--profile", "prod").stdout
    assert cli("run", "hi", "--profile", "prod").returncode == 2


def test_profiles_are_compared(cli: Cli, folder: Path) -> None:
    configure(folder, '[dev.model]\nkind = "offline"\n[prod.model]\nkind = "openai"\nmodel = "m"\n')
    done = cli("config", "diff", "dev", "prod")
    assert done.stdout.splitlines()[1:] == ['model.kind   "offline"  "openai"', 'model.model  —          "m"']
    assert done.returncode == 1
    same = cli("config", "diff", "dev", "dev")
    assert (same.returncode, same.stdout) == (0, "dev and dev are the same.\n")
    assert cli("config", "diff", "dev", "staging").returncode == 2


def test_without_its_packages_the_command_line_says_what_to_install() -> None:
    hide = "import sys; sys.modules['typer'] = None; from lightagent.entrypoints.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Type: pip install 'rich>=13.9' 'typer>=0.15'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_answers_from_the_files_of_the_repository() -> None:
    demo = [sys.executable, str(ROOT / "examples/repository_agent.py")]
    done = subprocess.run(demo, env=environment(), capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    for shown in ("offline", "→ find_files(", "→ read_file(", "→ calculate(", "84", "completed · "):
        assert shown in done.stdout
