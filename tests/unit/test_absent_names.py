"""What is said of names that are not there, and which modules of the 0.9 line resolve."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import lightagent
from lightagent import FunctionTool, LightAgent, tool
from lightagent.domain.absent_names import ABSENT_NAMES, AGENT_OPTIONS, RESUME_OPTIONS, RUN_OPTIONS
from lightagent.options import AgentOptions, ResumeOptions, RunOptions
from lightagent.testing import ScriptedModel

EXPORTS_0_9 = [
    "LightAgent",
    "LightSwarm",
    "MemoryProtocol",
    "MemoryAdmissionDecision",
    "MemoryCandidate",
    "MemoryPromotionDecision",
    "MemoryPolicy",
    "MemoryScope",
    "ToolRegistry",
    "ToolLoader",
    "AsyncToolDispatcher",
    "LightAgentError",
    "LightAgentErrorInfo",
    "ERROR_TAXONOMY",
    "classify_exception",
    "format_error_code",
    "format_lightagent_error",
    "RunResult",
    "StreamEvent",
    "TraceEvent",
    "TraceExporter",
    "TraceRecorder",
    "TraceSummary",
    "JsonlTraceExporter",
    "summarize_trace",
    "normalize_usage",
    "export_trace",
    "EvaluationCase",
    "EvaluationCaseResult",
    "EvaluationReport",
    "LightEvaluator",
    "HookContext",
    "HookDecision",
    "HookManager",
    "PolicyHook",
    "ApprovalRequest",
    "ApprovalDecision",
    "HumanApprovalHook",
    "HumanFeedback",
    "InMemoryReviewStore",
    "JsonReviewStore",
    "DEFAULT_PRIVACY_PATTERNS",
    "GuardrailDecision",
    "GuardrailManager",
    "high_risk_parameter_guardrail",
    "output_redaction_guardrail",
    "privacy_input_guardrail",
    "sensitive_tool_confirmation_guardrail",
    "LightFlow",
    "JsonLightFlowStore",
    "LightFlowResult",
    "LightFlowStep",
    "LightFlowStepResult",
    "SharedMemoryPool",
    "SharedMemoryRecord",
    "LoggerManager",
    "MCPClientManager",
    "SkillManager",
    "Skill",
    "create_skill_tools",
    "ConnectorDiagnostic",
    "ConnectorManifest",
    "ConnectorValidationReport",
    "ConnectorValidator",
    "validate_connector",
    "execute_python_code",
    "execute_python_file",
    "execute_python_code_stream",
    "upload_file_to_oss",
]
"""What the last release of the 0.9 line exports."""

MODULES_0_9 = {
    "core": "LightAgent",
    "protocol": "MemoryPolicy",
    "tools": "ToolLoader",
    "errors": "LightAgentError",
    "result": "RunResult",
    "tracing": "TraceRecorder",
    "hooks": "HookDecision",
    "review": "HumanApprovalHook",
    "guardrails": "privacy_input_guardrail",
    "shared_memory": "SharedMemoryPool",
    "skills": "SkillManager",
    "skill_tools": "create_skill_tools",
    "flow": "LightFlow",
    "version": "__version__",
}
"""Its modules whose names are here, with one of them."""

GONE = ("evaluation", "logger", "mcp_client_manager", "connectors", "litellm_client", "builtin_tools.nos")


@pytest.mark.parametrize("name", EXPORTS_0_9)
def test_each_name_of_the_0_9_line_is_there_or_says_what_to_use(name: str) -> None:
    if name in lightagent.__all__:
        assert getattr(importlib.import_module("LightAgent"), name) is getattr(lightagent, name)
        return
    for module in ("lightagent", "LightAgent"):
        with pytest.raises(ImportError, match=f"cannot import name '{name}' from '{module}'") as caught:
            exec(f"from {module} import {name}", {})
        assert ABSENT_NAMES[name] in str(caught.value)
        with pytest.raises(AttributeError) as asked:
            getattr(importlib.import_module(module), name)
        assert ABSENT_NAMES[name] in str(asked.value)
        assert not hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize(("module", "name"), MODULES_0_9.items())
def test_modules_of_the_0_9_line_resolve(module: str, name: str) -> None:
    found: dict[str, object] = {}
    exec(f"from LightAgent.{module} import {name}; import LightAgent.{module} as whole", found)
    assert found[name] is getattr(lightagent, name)
    assert getattr(found["whole"], name) is getattr(lightagent, name)


@pytest.mark.parametrize("module", GONE)
def test_a_module_whose_names_are_gone_says_so(module: str) -> None:
    importlib.import_module(f"LightAgent.{module}")
    with pytest.raises(ImportError, match="Tools for one cloud"):
        exec(f"from LightAgent.{module} import upload_file_to_oss", {})
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec(f"from LightAgent.{module} import nothing", {})


def test_a_module_that_never_was_is_no_module() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("LightAgent.never")


def test_the_old_name_resolves_first_and_last() -> None:
    for program in (
        "from LightAgent.tools import ToolRegistry; from LightAgent import LightAgent; print(ToolRegistry, LightAgent)",
        "import lightagent; import LightAgent.core; print(LightAgent.core.LightAgent is lightagent.LightAgent)",
        "from lightagent import testing, settings; print(testing, settings)",
    ):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_what_is_absent_is_absent() -> None:
    assert not set(ABSENT_NAMES) & set(lightagent.__all__)
    for absent, declared in ((AGENT_OPTIONS, AgentOptions), (RUN_OPTIONS, RunOptions), (RESUME_OPTIONS, ResumeOptions)):
        assert not set(absent) & set(declared.__annotations__)


def test_values_that_mean_off_are_taken() -> None:
    program = """
agent = LightAgent(model=model, websocket_base_url=None, auto_discover_skills=False, verbose=False)
said = agent.run("Hello", approval_id=None, light_swarm=None, use_skills=False)
"""
    names: dict[str, object] = {"LightAgent": LightAgent, "model": ScriptedModel(["Hi."])}
    exec(program, names)
    assert names["said"] == "Hi."


def test_options_beside_a_function_hold() -> None:
    def pay(amount: int) -> str:
        """Pay."""
        return "paid"

    names: dict[str, object] = {"tool": tool, "pay": pay}
    exec("declared = tool(pay, requires_approval=True, name='pay_now')", names)
    declared = names["declared"]
    assert isinstance(declared, FunctionTool)
    assert (declared.spec.requires_approval, declared.spec.name) == (True, "pay_now")
