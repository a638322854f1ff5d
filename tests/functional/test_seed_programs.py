"""The seed's programs run unchanged, but for model, key and base URL, under the old import name and the new one.

Their texts in seed_programs/ are the seed's, word for word; only the indentation, which its page had lost, is put back.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent import TraceEvent
from lightagent.adapters.journals.files.lines import name_of
from lightagent.application.flow.flow_log import flow_key
from lightagent.application.reviews.streams import KIND as REVIEW
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.review.requests import hash_arguments, request_id_of
from lightagent.domain.scopes import NO_SCOPE
from tests.functional.agents import sent
from tests.servers.aimock import Aimock
from tests.servers.json_values import JsonObject, as_list, as_object
from tests.support.warm_programs import WarmPrograms

PROGRAMS = Path(__file__).with_name("seed_programs")
WEATHER = "Please check the weather in Shanghai."
ORDER = "Where is my order 1234?"
REPORT = "AI agents plan, call tools, and report what they did. They stream while they speak."
REMEMBER = "Remember that I prefer concise reports."
FIXTURES: list[JsonObject] = [
    {
        "match": {"userMessage": "Hello, who are you?"},
        "response": {"content": "I am an agent.", "usage": {"prompt_tokens": 9, "completion_tokens": 4}},
    },
    {"match": {"userMessage": "Who are you?"}, "response": {"content": "I am LightAgent."}},
    {
        "match": {"userMessage": WEATHER, "hasToolResult": False},
        "response": {"toolCalls": [{"id": "w", "name": "get_weather", "arguments": {"city_name": "Shanghai"}}]},
    },
    {"match": {"userMessage": WEATHER, "hasToolResult": True}, "response": {"content": "Shanghai is sunny today."}},
    {
        "match": {"userMessage": ORDER, "hasToolResult": False},
        "response": {"toolCalls": [{"id": "o", "name": "get_order_status", "arguments": {"order_id": "1234"}}]},
    },
    {"match": {"userMessage": ORDER, "hasToolResult": True}, "response": {"content": "It is being processed."}},
    {"match": {"userMessage": "Write a short report"}, "chunkSize": 6, "response": {"content": REPORT}},
    {"match": {"userMessage": "Debug this workflow."}, "response": {"content": "It works."}},
    {"match": {"userMessage": REMEMBER}, "response": {"content": "I will."}},
]

Program = Callable[..., str]


def flow_files(run_id: str, **asked: str) -> tuple[str, ...]:
    """What a store of flows in files leaves that holds one run, and the reviews of steps, given what people were shown.

    The id of a review tells what that was.
    """
    subjects = {step: f"run/{hash_arguments({'query': shown})}" for step, shown in asked.items()}
    ids = (request_id_of(run_id, step, 1, subject) for step, subject in subjects.items())
    reviews = (StreamKey(NO_SCOPE, REVIEW, request_id) for request_id in ids)
    streams = (f"streams/{name_of(key)}.jsonl" for key in (flow_key(run_id, NO_SCOPE), *reviews))
    return tuple(f".lightflow_runs/{name}" for name in ("lock", "store.jsonl", *streams))


@pytest.fixture(params=["LightAgent", "lightagent"])
def run(request: pytest.FixtureRequest, aimock: Aimock, tmp_path: Path, warm_programs: WarmPrograms) -> Program:
    """Runs programs, one after another as one, and gives what they print; they warn of nothing and leave nothing."""
    aimock.add(*FIXTURES)
    package = str(request.param)

    def run_programs(*names: str, first: str = "", then: str = "", leaves: tuple[str, ...] = ()) -> str:
        text = "\n".join([first, *((PROGRAMS / f"{name}.py").read_text(encoding="utf-8") for name in names), then])
        text = text.replace("from LightAgent import", f"from {package} import")
        text = text.replace("gpt-4.1", "m").replace("your_api_key", "sk-1").replace("your_base_url", aimock.base_url)
        program = tmp_path / "program.py"
        program.write_text(text, encoding="utf-8")
        bare = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LIGHTAGENT"))}
        done = warm_programs.run(program, folder=tmp_path, environment={**bare, "PYTHONDONTWRITEBYTECODE": "1"})
        assert (done.returncode, done.stderr) == (0, "")
        left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
        assert left == sorted(["program.py", *leaves]), "no logs, no caches"
        return done.stdout

    return run_programs


def test_basic(run: Program, aimock: Aimock) -> None:
    assert run("basic") == "I am an agent.\n"
    (entry,) = aimock.journal()
    assert (entry.body["model"], entry.body.get("stream"), entry.body.get("tools")) == ("m", None, None)
    assert [message["role"] for message in sent(entry.body)] == ["system", "user"]


def test_role(run: Program, aimock: Aimock) -> None:
    assert run("role") == "I am LightAgent.\n"
    (entry,) = aimock.journal()
    assert str(sent(entry.body)[0]["content"]).startswith("Please remember that you are LightAgent, a useful assistant")


def test_trace(run: Program) -> None:
    content, trace_id, trace, *events = run("trace").splitlines()
    assert content == "I am an agent."
    parsed: list[dict[str, object]] = ast.literal_eval(trace)
    assert [event["type"] for event in parsed] == ["run_start", "model_request", "model_response", "run_end"]
    assert {event["trace_id"] for event in parsed} == {trace_id}
    assert events == [f"{event['type']} {event['data']}" for event in parsed]
    assert "Hello, who are you?" not in trace, "no prompt text unless it is asked for"


def test_weather(run: Program, aimock: Aimock) -> None:
    assert run("weather") == "Shanghai is sunny today.\n"
    first, second = aimock.journal()
    (tool,) = as_list(first.body["tools"])
    assert tool == {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get current weather information for the specified city.",
            "parameters": as_object(as_object(as_object(tool)["function"])["parameters"]),
        },
    }
    parameters = as_object(as_object(as_object(tool)["function"])["parameters"])
    assert (parameters["type"], parameters["required"]) == ("object", ["city_name"])
    assert as_object(parameters["properties"])["city_name"] == {
        "type": "string",
        "description": "The name of the city to query",
    }
    answer = sent(second.body)[-1]
    assert answer == {"role": "tool", "tool_call_id": "w", "content": "Query result: Shanghai is sunny."}


def test_order_status(run: Program, aimock: Aimock) -> None:
    """The seed's program ends with the agent; what a user would type next is ours."""
    assert run("order_status", then=f"print(agent.run({ORDER!r}))") == "It is being processed.\n"
    answer = sent(aimock.journal()[1].body)[-1]
    assert answer["content"] == "Order 1234 is being processed."


def test_streaming(run: Program, aimock: Aimock) -> None:
    """The seed's loop goes on with the agent of the program before it."""
    chunks = run("order_status", "streaming").splitlines()
    assert len(chunks) > 10
    assert all(chunk.startswith("id='chatcmpl-") for chunk in chunks)
    assert "finish_reason='stop'" in chunks[-1]
    (entry,) = aimock.journal()
    assert entry.body["stream"] is True


def test_streaming_into_text(run: Program) -> None:
    loop = "print(''.join(chunk.choices[0].delta.content or '' for chunk in agent.run(QUERY, stream=True)))"
    query = "QUERY = 'Write a short report about AI agents.'\n"
    assert run("order_status", then=query + loop) == f"{REPORT}\n"


def test_debugging(run: Program) -> None:
    trace_id, trace = run("order_status", "debugging").splitlines()
    parsed: list[dict[str, object]] = ast.literal_eval(trace)
    assert {event["trace_id"] for event in parsed} == {trace_id}
    assert json.loads(json.dumps(parsed)) == parsed
    assert parsed[-1]["type"] == "run_end"


def test_hooks(run: Program, aimock: Aimock) -> None:
    aimock.add({"match": {"userMessage": "Summarize this [REDACTED] safely."}, "response": {"content": "In short."}})
    content, trace = run("hooks").splitlines()
    assert content == "In short."
    parsed: list[TraceEvent] = ast.literal_eval(trace)
    decisions = [event["data"] for event in parsed if event["type"] == "hook_decision"]
    assert [(one["by"], one["action"]) for one in decisions] == [("hook:redact_before_model", "rewrite")]
    (entry,) = aimock.journal()
    assert "secret-token" not in json.dumps(entry.body)


def test_hooks_block_a_tool(run: Program, aimock: Aimock) -> None:
    """The seed's agent has no tools; those of this run are ours."""
    match: JsonObject = {"userMessage": "Clean up."}
    call: JsonObject = {"id": "d", "name": "delete_file", "arguments": {"path": "/x"}}
    aimock.add(
        {"match": {"userMessage": "Summarize this"}, "response": {"content": "In short."}},
        {"match": {**match, "hasToolResult": False}, "response": {"toolCalls": [call]}},
        {"match": {**match, "hasToolResult": True}, "response": {"content": "I may not."}},
    )
    tool = 'def delete_file(path: str) -> str:\n    """Deletes."""\n    raise SystemExit(path)\n'
    printed = run("hooks", then=f"{tool}print(agent.run('Clean up.', tools=[delete_file]))")
    assert printed.splitlines()[-1] == "I may not."
    answer = sent(aimock.journal()[-1].body)[-1]
    assert answer["content"] == "[LA-HOOK] delete_file requires manual approval"


def test_create_tool(run: Program, aimock: Aimock) -> None:
    """The seed's call is made by the agent of the program before it; what the user does with the file is ours."""
    code = (
        "import sys\nLOADED = sys.stdout.write('loaded\\n')\n"
        + 'def ask_order_status(number: str) -> str:\n    return f"Order {number} is on its way."\n\n'
        + "ask_order_status.tool_info = {'tool_name': 'ask_order_status', 'tool_description': 'Ask.', 'tool_params':"
        + " [{'name': 'number', 'description': 'Its number.', 'type': 'string', 'required': True}]}\n"
    )
    answer = json.dumps({"tools": [{"name": "ask_order_status", "code": code}]})
    aimock.add({"match": {"userMessage": "internal order status API"}, "response": {"content": answer}})
    then = (
        "print('created')\nprint(agent.load_tools(['ask_order_status']))\n"
        "print(agent.get_tool('ask_order_status').function('7'))"
    )
    leaves = ("tools/ask_order_status.py",)
    printed = run("order_status", "create_tool", then=then, leaves=leaves)
    assert printed.splitlines() == ["created", "loaded", "['ask_order_status']", "Order 7 is on its way."]


def test_swarm(run: Program, aimock: Aimock) -> None:
    """The seed's agents name no model, key or URL, so these come from where all agents have them; the print is ours."""
    query = "How do I approve a vendor payment?"
    call: JsonObject = {"id": "h", "name": "transfer_to_finance", "arguments": {"reason": "money"}}
    aimock.add(
        {"match": {"userMessage": query, "hasToolResult": False}, "response": {"toolCalls": [call]}},
        {"match": {"userMessage": query, "hasToolResult": True}, "response": {"content": "Ask the CFO."}},
    )
    where = "import os\nos.environ.update(OPENAI_API_KEY='your_api_key', OPENAI_BASE_URL='your_base_url')\n"
    assert run("swarm", first=where, then="print(result)") == "Ask the CFO.\n"
    first, second = [entry.body for entry in aimock.journal()]
    assert "Route requests to the right specialist." in str(sent(first)[0]["content"])
    assert "Answer finance approval questions." in str(sent(second)[0]["content"])


def test_tree_of_thought(run: Program, aimock: Aimock) -> None:
    """The seed's program imports nothing and ends with the agent; the tools, and what it is asked then, are ours."""
    plan = {"goal": "An answer.", "steps": [{"text": "Look it up.", "tools": ["look_up"]}]}
    call: JsonObject = {"id": "l", "name": "look_up", "arguments": {"word": "agent"}}
    aimock.add(
        {"match": {"userMessage": "The plan:"}, "response": {"content": json.dumps(plan)}},
        {"match": {"userMessage": "The tools of"}, "response": {"content": json.dumps({"proposals": [plan]})}},
        {"match": {"userMessage": "What is", "hasToolResult": False}, "response": {"toolCalls": [call]}},
        {"match": {"userMessage": "What is", "hasToolResult": True}, "response": {"content": "One who acts."}},
    )
    tools = (
        'def look_up(word: str) -> str:\n    """Looks up a word."""\n    return "one who acts"\n'
        'def translate(word: str) -> str:\n    """Translates a word."""\n    raise SystemExit(word)\n'
    )
    asked = "print(agent.run('What is an agent?', tools=[look_up, translate]))"
    printed = run("tree_of_thought", first="from LightAgent import LightAgent", then=tools + asked)
    assert printed == "One who acts.\n"
    propose, reflect, first, second = [entry.body for entry in aimock.journal()]
    assert (propose["model"], reflect["model"]) == ("m", "m")
    assert "Look it up. [tools: look_up]" in str(sent(first)[-2]["content"])
    assert [as_object(as_object(one)["function"])["name"] for one in as_list(first["tools"])] == ["look_up"]
    assert sent(second)[-1]["content"] == "one who acts"


def test_guardrails(run: Program, aimock: Aimock) -> None:
    """The seed's program ends with the agent; what it is asked then is ours."""
    pay: JsonObject = {"userMessage": "Pay.", "hasToolResult": False}
    transfer: JsonObject = {"id": "t", "name": "transfer_money", "arguments": {"amount": 5}}
    refund: JsonObject = {"id": "r", "name": "refund", "arguments": {"amount": 5000}}
    aimock.add(
        {"match": {"userMessage": "Whom may I ask?"}, "response": {"content": "Ask user@example.com."}},
        {"match": pay, "response": {"toolCalls": [transfer, refund]}},
        {"match": {"userMessage": "Pay.", "hasToolResult": True}, "response": {"content": "I may not."}},
    )
    asked = (
        "def transfer_money(amount: int) -> str:\n    raise SystemExit(amount)\n"
        "def refund(amount: int) -> str:\n    raise SystemExit(amount)\n"
        "print(agent.run('My card is 4111 1111 1111 1111.', result_format='object').error.code)\n"
        "print(agent.run('Whom may I ask?'))\n"
        "print(''.join(c.choices[0].delta.content or '' for c in agent.run('Whom may I ask?', stream=True)))\n"
        "print(agent.run('Pay.', tools=[transfer_money, refund]))\n"
    )
    assert run("guardrails", then=asked).splitlines() == [
        "LA-GUARDRAIL",
        "Ask [redacted].",
        "Ask [redacted].",
        "I may not.",
    ]
    entries = aimock.journal()
    assert "4111" not in json.dumps([entry.body for entry in entries])
    answers = [message["content"] for message in sent(entries[-1].body) if message["role"] == "tool"]
    assert answers == [
        "[LA-GUARDRAIL] The tool transfer_money requires approval.",
        "[LA-GUARDRAIL] The value of the parameter amount is not allowed.",
    ]


def test_shared_memory_pool(run: Program) -> None:
    (record,) = ast.literal_eval(run("shared_memory"))
    assert (record["memory"], record["user_id"]) == (REMEMBER, "tenant-a:alice")
    known = record["metadata"]
    assert (known["source"], known["scope"], known["agent_name"]) == ("user", "user", "writer")
    assert (known["user_id"], known["original_user_id"]) == ("tenant-a:alice", "alice")


BACKENDS = {
    "pool": "from lightagent import SharedMemoryPool\nyour_memory_backend = SharedMemoryPool()",
    "sqlite": "from lightagent.adapters.memory.sqlite import SqliteMemory\n"
    "your_memory_backend = SqliteMemory('memory.db')",
    "an object of one's own": """
class Memory:
    def __init__(self):
        self.kept = {}

    def store(self, data, user_id):
        self.kept.setdefault(user_id, []).append(data)

    def retrieve(self, query, user_id):
        # As a store that says where its records come from; the policy of the program wants to know.
        known = {"source": "user", "scope": "user"}
        return {"results": [{"memory": one, "metadata": known} for one in self.kept.get(user_id, [])]}

your_memory_backend = Memory()
""",
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_memory_and_policy(run: Program, aimock: Aimock, backend: str) -> None:
    """The seed leaves the memory open, and ends with the first run; the others are ours."""
    aimock.add({"match": {"userMessage": "Which reports"}, "response": {"content": "Concise ones."}})
    asked = "Which reports do I prefer?"
    printed = run(
        "memory",
        first=BACKENDS[backend],
        leaves=("memory.db",) if backend == "sqlite" else (),
        then=(
            "print(response)\n"
            f"print(agent.run({asked!r}, user_id='alice'))\n"
            f"agent.run({asked!r}, user_id='bob')\n"
            "agent.run('Hello, who are you?', user_id='tenant-a:alice')\n"
            "agent.run('Who are you?')\n"
            "getattr(your_memory_backend, 'aclose', None) and __import__('asyncio').run(your_memory_backend.aclose())\n"
        ),
    )
    assert printed.splitlines() == ["I will.", "Concise ones."]
    first, recalled, *others = [sent(entry.body) for entry in aimock.journal()]
    assert [message["role"] for message in first] == ["system", "user"]
    *_, memory, question = recalled
    assert question["content"] == asked, "what is remembered does not stand in the user's own message"
    assert REMEMBER in str(memory["content"])
    assert all(REMEMBER not in str(message["content"]) for message in recalled[:-2])
    assert REMEMBER not in json.dumps(others)


def test_self_learning(run: Program, aimock: Aimock) -> None:
    """The seed has no program of its own for it; this is how one of the 0.9 line looks, with the seed's memory."""
    wish = "This user wants reports of one page."
    lesson = {"text": wish, "about": "user", "confidence": 0.9}
    aimock.add(
        {"match": {"userMessage": "user: Write"}, "response": {"content": json.dumps({"lessons": [lesson]})}},
        {"match": {"userMessage": "user: Which"}, "response": {"content": '{"lessons": []}'}},
        {"match": {"userMessage": "Write the report."}, "response": {"content": "Done."}},
        {"match": {"userMessage": "Which reports"}, "response": {"content": "Of one page."}},
    )
    program = (
        "from LightAgent import LightAgent, MemoryPolicy, MemoryPromotionDecision, SharedMemoryPool\n"
        "agent = LightAgent(name='writer', model='gpt-4.1', api_key='your_api_key', base_url='your_base_url',\n"
        "    memory=SharedMemoryPool(), memory_policy=MemoryPolicy(namespace='tenant-a'), self_learning=True)\n"
        "agent.run('Write the report.', user_id='alice')\n"
        "candidate = agent.list_memory_candidates()[0]\n"
        "print(candidate['source'], candidate['scope'], candidate['status'], candidate['injectable'])\n"
        "decision = MemoryPromotionDecision.approve(metadata={'reviewed_by': 'me'})\n"
        "print(agent.promote_memory_candidate(candidate['candidate_id'], decision))\n"
        "print(agent.run('Which reports does this user want?', user_id='alice'))\n"
    )
    assert run(then=program).splitlines() == ["reflection agent kept False", "True", "Of one page."]
    asked = [sent(entry.body) for entry in aimock.journal()]
    told = [body for body in asked if wish in json.dumps(body)]
    assert [str(body[-1]["content"]) for body in told] == ["Which reports does this user want?"]


def test_lightflow(run: Program, aimock: Aimock) -> None:
    """The writer's first request fails, so the step is tried again, as the program says."""
    written: JsonObject = {"userMessage": "Previous step outputs:"}
    aimock.add(
        {
            "match": {**written, "sequenceIndex": 0},
            "response": {"error": {"message": "no", "type": "x"}, "status": 400},
        },
        {"match": written, "response": {"content": "The report."}},
        {"match": {"userMessage": "Analyze this company"}, "response": {"content": "It sells tea."}},
    )
    status, steps = run("lightflow", leaves=flow_files("report-001")).splitlines()
    assert status == "success"
    research, write = ast.literal_eval(steps)
    assert (research["name"], research["content"], research["attempts"]) == ("research", "It sells tea.", 1)
    assert (write["content"], write["status"], write["attempts"]) == ("The report.", "success", 2)
    asked = [str(sent(entry.body)[-1]["content"]) for entry in aimock.journal()]
    query = "Analyze this company\n\nPrevious step outputs:\nresearch: It sells tea."
    assert asked == ["Analyze this company", query, query]


def test_lightflow_resumes(run: Program, aimock: Aimock) -> None:
    """Both attempts of the writer fail in the run; what the program resumes does not do the research again."""
    written: JsonObject = {"userMessage": "Previous step outputs:"}
    failed: JsonObject = {"error": {"message": "no", "type": "x"}, "status": 400}
    aimock.add(
        {"match": {**written, "sequenceIndex": 0}, "response": failed},
        {"match": {**written, "sequenceIndex": 1}, "response": failed},
        {"match": written, "response": {"content": "The report."}},
        {"match": {"userMessage": "Analyze this company"}, "response": {"content": "It sells tea."}},
    )
    then = "print(result.content, len(result.trace))"
    status, _, last = run("lightflow", then=then, leaves=flow_files("report-001")).splitlines()
    assert (status, last) == ("success", "The report. 0")
    assert len(aimock.journal()) == 4


def test_lightflow_with_an_approval(run: Program, aimock: Aimock) -> None:
    """The seed's program prints nothing; the last line is ours."""
    aimock.add(
        {"match": {"userMessage": "Previous step outputs:"}, "response": {"content": "Reviewed."}},
        {"match": {"userMessage": "Prepare a customer"}, "response": {"content": "A draft."}},
    )
    then = (
        "print(result.content, record['status'], [step['approval_decision'] for step in record['steps']])\n"
        "print([event['type'] for event in result.trace])\n"
        "print(result.steps[1].trace[0].parent_trace_id == result.trace_id)"
    )
    shown = "Prepare a customer support summary.\n\nPrevious step outputs:\ndraft: A draft."
    files = flow_files("case-001", review=shown)
    first, types, child = run("lightflow_approval", then=then, leaves=files).splitlines()
    assert first == "Reviewed. success [None, 'approve']"
    steps = ["step_start", "step_end"]
    assert ast.literal_eval(types) == ["flow_start", *steps, "approval_pending", "approval_approve", *steps, "flow_end"]
    assert child == "True"


def test_a_failure_is_one_clear_error_and_nothing_else(run: Program, aimock: Aimock) -> None:
    """Retries say nothing on stderr: logs are silent unless asked for."""
    aimock.add({"match": {"userMessage": "fail"}, "response": {"error": {"message": "no", "type": "x"}, "status": 500}})
    handled = (
        "from lightagent import LightAgentError\n"
        "try:\n    agent.run('fail', max_retry=2)\n"
        "except LightAgentError as error:\n    print(error.code, len(aborted := str(error)) > 0)\n"
    )
    assert run("order_status", then=handled) == "LA-500 True\n"
    assert len(aimock.journal()) == 2
