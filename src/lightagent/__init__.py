"""lightagent: typed, streaming agents with tools, on a hexagonal core.

    from lightagent import LightAgent

    agent = LightAgent(model="gpt-4.1")
    print(agent.run("Hello, who are you?"))

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lightagent.homes import HOME_OF

if TYPE_CHECKING:
    from lightagent.adapters.budgets.journal import JournalBudgetAccounts
    from lightagent.adapters.budgets.memory import MemoryBudgetAccounts
    from lightagent.adapters.chat.fallback import FallbackModel
    from lightagent.adapters.chat.offline import OfflineModel
    from lightagent.adapters.chat.openai import OpenAIChatModel
    from lightagent.adapters.code.monty import MontyRunner
    from lightagent.adapters.code.subprocess import SubprocessRunner
    from lightagent.adapters.detectors.validated import DEFAULT_PRIVACY_PATTERNS
    from lightagent.adapters.memory.process import InProcessMemory
    from lightagent.adapters.memory.shared import SharedMemoryPool
    from lightagent.adapters.prices import litellm_prices
    from lightagent.adapters.telemetry.otel.content import ContentCapture
    from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink
    from lightagent.adapters.trace_files import JsonlTraceExporter
    from lightagent.agent import LightAgent
    from lightagent.application.active_run.cancellation_token import CancellationToken
    from lightagent.application.agent_options.context_budget import ContextBudget
    from lightagent.application.agent_options.self_learning import SelfLearning
    from lightagent.application.agent_options.tool_selection import ToolSelection
    from lightagent.application.agent_options.tree_of_thought import TreeOfThought
    from lightagent.application.budgets.spent import spent_in
    from lightagent.application.flow.artifacts import read_artifact
    from lightagent.application.flow.compare_flows import FlowComparison, StepComparison, StepSide
    from lightagent.application.flow.flow_step import LightFlowStep
    from lightagent.application.flow.flow_stream_events import (
        ApprovalDecidedData,
        AttemptStatus,
        FailureData,
        FlowDoneData,
        FlowDoneEvent,
        FlowStartData,
        FlowStartEvent,
        FlowStreamEvent,
        FlowStreamEventType,
        StepApprovalDecidedEvent,
        StepApprovalRequiredEvent,
        StepContentEvent,
        StepEndData,
        StepEndEvent,
        StepNoteEvent,
        StepReasoningEvent,
        StepRestartEvent,
        StepStartData,
        StepStartEvent,
        StepToolCallEvent,
        StepToolPartEvent,
        StepToolResultEvent,
    )
    from lightagent.application.flow.proposals import Proposal, ProposedStep
    from lightagent.application.flow.step_context import StepContext
    from lightagent.application.flow.step_result import FlowStatus, LightFlowResult, LightFlowStepResult
    from lightagent.application.flow.step_verdict import StepVerdict
    from lightagent.application.flow.watch_flow import FlowGlimpse
    from lightagent.application.flow.worker import WorkedRun
    from lightagent.application.generated_tools.saved_tool import GeneratedTool
    from lightagent.application.journals.event_codec import event_from_dict, event_to_dict
    from lightagent.application.journals.journal import Journal
    from lightagent.application.memory.foreign_memory import MemoryProtocol
    from lightagent.application.policies.hooks import ObservingHook, PolicyHook
    from lightagent.application.policies.typed_hooks import (
        after_flow_step,
        after_memory_promote,
        after_memory_retrieve,
        after_memory_write,
        after_model_response,
        after_run,
        after_tool_result,
        before_flow_step,
        before_memory_promote,
        before_memory_retrieve,
        before_memory_write,
        before_model_request,
        before_run,
        before_tool_call,
        on_approval_required,
        on_conclusion,
        on_context,
        on_error,
        on_handoff,
        on_output,
        on_rerun,
        on_resume,
    )
    from lightagent.application.projections.calls import CallStatus, ToolCallRecord
    from lightagent.application.projections.chunks import ChatCompletionChunk
    from lightagent.application.projections.request_preview import RequestPart, RequestPreview
    from lightagent.application.projections.result import RunResult
    from lightagent.application.projections.stream_events import (
        ApprovalRequiredData,
        ApprovalRequiredEvent,
        ContentEvent,
        DoneData,
        DoneEvent,
        ErrorData,
        ErrorEvent,
        NoteEvent,
        ReasoningEvent,
        StreamEvent,
        StreamEventType,
        TextData,
        ToolCallData,
        ToolCallEvent,
        ToolPartData,
        ToolPartEvent,
        ToolResultData,
        ToolResultEvent,
        UsageData,
    )
    from lightagent.application.projections.trace import trace_events
    from lightagent.application.projections.trace_event import TraceEvent
    from lightagent.application.projections.trace_summary import summarize_trace
    from lightagent.application.prompts import Prompts
    from lightagent.application.reviews.remembered_decisions import RememberedDecision
    from lightagent.application.reviews.reviews import Reviews
    from lightagent.application.sessions.info import SessionInfo, SessionStatus
    from lightagent.application.sessions.prune import PrunedSessions
    from lightagent.application.sessions.sessions import Sessions
    from lightagent.application.sessions.trim import TrimmedSession
    from lightagent.application.sessions.turns import SessionTurn
    from lightagent.application.skills.manager import SkillManager
    from lightagent.application.skills.tools import create_skill_tools
    from lightagent.application.stored_runs import RunInfo, Runs, StoredRun, StoredRunStatus
    from lightagent.application.swarm.handoff import Handoff, HandoffContext
    from lightagent.application.tool_sources.approval_required import ApprovalRequiredTools
    from lightagent.application.tool_sources.code_tools import CodeTools
    from lightagent.application.tool_sources.declared import DeclaredTools
    from lightagent.application.tool_sources.filtered import FilteredTools
    from lightagent.application.tool_sources.listed import ListedTools
    from lightagent.application.tool_sources.mcp_tools import McpTools
    from lightagent.application.tool_sources.openapi_tools import OpenApiTools
    from lightagent.application.tool_sources.prefixed import PrefixedTools
    from lightagent.application.tool_sources.renamed import RenamedTools
    from lightagent.application.tools.decorator import tool
    from lightagent.application.tools.function_tool import FunctionTool, as_tool
    from lightagent.application.tools.loader import ToolLoader
    from lightagent.application.tools.registry import AsyncToolDispatcher, ToolRegistry
    from lightagent.application.traces.export_trace import export_trace
    from lightagent.application.traces.trace_recorder import TraceRecorder
    from lightagent.bootstrap import App, open_app
    from lightagent.compose.mcp import mcp_tools
    from lightagent.compose.models import open_embedder
    from lightagent.compose.openapi import openapi_tools
    from lightagent.compose.swarm_talk import AgentMail
    from lightagent.compose.telemetry import flush_telemetry
    from lightagent.domain.budgets.accounts import Account, AccountKey, RateLimit
    from lightagent.domain.budgets.budget import BudgetLimits, Spent
    from lightagent.domain.budgets.prices import ModelPrice, PriceTable
    from lightagent.domain.code.programs import CodeLimits
    from lightagent.domain.conversation.deltas import Delta, ReasoningDelta, ReplyEnd, TextDelta, ToolCallDelta
    from lightagent.domain.conversation.history import HistoryMessage
    from lightagent.domain.error_codes import ERROR_TAXONOMY, ErrorCode, LightAgentErrorInfo
    from lightagent.domain.error_mapping import classify_exception, format_lightagent_error
    from lightagent.domain.errors import (
        AlreadyDecided,
        BudgetError,
        ConfigurationError,
        FlowTimeout,
        LightAgentError,
        MissingExtraError,
        OutputError,
        PolicyError,
        ProviderError,
        RunSuspended,
        ToolError,
        format_error_code,
    )
    from lightagent.domain.flow.limits import FlowLimits
    from lightagent.domain.flow.outputs import Artifact
    from lightagent.domain.flow.record import StepStatus
    from lightagent.domain.flow.retrying import Backoff, RetryPolicy, RetryRule
    from lightagent.domain.json_types import JsonInput, JsonObject, JsonValue
    from lightagent.domain.learning.feedback import HumanFeedback
    from lightagent.domain.limits import Limits
    from lightagent.domain.mcp.faults import McpFault, McpUnavailable
    from lightagent.domain.mcp.servers import HttpServer, McpServer, StdioServer
    from lightagent.domain.memory.memories import (
        MemoryAdmissionDecision,
        MemoryCandidate,
        MemoryPromotionDecision,
        MemoryScope,
    )
    from lightagent.domain.memory.policy import MemoryPolicy
    from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
    from lightagent.domain.origin import Origin
    from lightagent.domain.outcomes import (
        Blocked,
        BudgetExhausted,
        Cancelled,
        Completed,
        Failed,
        Outcome,
        RunStatus,
        Suspended,
    )
    from lightagent.domain.policy.capabilities import CapabilityPolicy, CapabilityRule, Requester
    from lightagent.domain.policy.findings import Finding
    from lightagent.domain.policy.flow_payloads import (
        FlowRerunPayload,
        FlowResultPayload,
        FlowResumePayload,
        FlowStepPayload,
    )
    from lightagent.domain.policy.guardrails import GuardrailDecision
    from lightagent.domain.policy.hooks import HookContext, HookDecision, HookPhase
    from lightagent.domain.policy.information_flow import InformationFlow
    from lightagent.domain.policy.memory_payloads import (
        MemoriesPayload,
        MemoryPromotedPayload,
        MemoryPromotionPayload,
        MemoryQueryPayload,
        MemoryWritePayload,
        MemoryWrittenPayload,
    )
    from lightagent.domain.policy.phases import (
        ApprovalPayload,
        Asked,
        CallPayload,
        ConclusionPayload,
        ContextPayload,
        Decision,
        EndPayload,
        HandoffPayload,
        OutputPayload,
        Passed,
        PayloadT,
        Phase,
        QueryPayload,
        Refused,
        ReplyPayload,
        RequestPayload,
        ResultPayload,
        Stopped,
        Subject,
        Verdict,
    )
    from lightagent.domain.review.decisions import ApprovalAction, ApprovalDecision
    from lightagent.domain.review.log import Review, ReviewStatus
    from lightagent.domain.review.requests import ApprovalRequest
    from lightagent.domain.runs.agents import AgentHead, ModelEndpoint
    from lightagent.domain.runs.effects import NarrowTools, ToolAnswer
    from lightagent.domain.runs.events import Event, ToolStatus
    from lightagent.domain.runs.signals import ApprovalRequired, RetryTool
    from lightagent.domain.runs.starts import HistoryReference
    from lightagent.domain.scopes import Scope
    from lightagent.domain.skills.skill import Skill
    from lightagent.domain.swarm.agent_messages import AgentMessage
    from lightagent.domain.swarm.consultations import ConsultLimits
    from lightagent.domain.swarm.handoff_limits import HandoffLimits, HistoryTransfer
    from lightagent.domain.swarm.mailboxes import MailLimits
    from lightagent.domain.telemetry.capture import ContentLimits, ContentMode
    from lightagent.domain.telemetry.trace_summary import TraceSummary
    from lightagent.domain.tools.spec import ToolSpec
    from lightagent.domain.usage import Usage, normalize_usage
    from lightagent.entrypoints.serving import serve
    from lightagent.flow import JsonLightFlowStore, LightFlow
    from lightagent.flow_options import FlowOptions, StepOptions, WaitOptions
    from lightagent.flow_streams import (
        AsyncFlowStream,
        FlowStream,
    )
    from lightagent.flow_worker import FlowWorker
    from lightagent.guardrails import (
        high_risk_parameter_guardrail,
        maximum_length_guardrail,
        open_detector,
        output_redaction_guardrail,
        output_schema_guardrail,
        privacy_input_guardrail,
        sensitive_tool_confirmation_guardrail,
        url_allowlist_guardrail,
    )
    from lightagent.human_review import HumanApprovalHook, InMemoryReviewStore, JsonReviewStore, ReviewStore
    from lightagent.options import AgentOptions, ResumeOptions, RunOptions, SwarmOptions, ToolLike
    from lightagent.ports.budgets import BudgetAccounts, Budgets, TenantBudget
    from lightagent.ports.code import CodeRunner
    from lightagent.ports.content_policy import ContentPolicy
    from lightagent.ports.context import Compactor, Conclusion, ContextSource, HistorySource, Replacement
    from lightagent.ports.detectors import Detector
    from lightagent.ports.embedding import Embedder, ServedEmbedder
    from lightagent.ports.flow_engine import FlowCode, FlowEngine, FlowRun
    from lightagent.ports.flushable_sink import FlushableSink
    from lightagent.ports.journals import JournalStore
    from lightagent.ports.memory import MemoryStore, OwnerSelection
    from lightagent.ports.models import ChatModel, ChatRequest, ServedModel
    from lightagent.ports.policy import Gate, HeldStream
    from lightagent.ports.telemetry import RunWatch, TelemetrySink
    from lightagent.ports.token_counter import TokenCounter
    from lightagent.ports.tools import RunContext, Tool, ToolList, ToolSource
    from lightagent.ports.traces import TraceExporter
    from lightagent.run_handle import RunHandle
    from lightagent.settings import Settings, load_settings
    from lightagent.streams import AsyncRunStream, RunStream
    from lightagent.swarm import LightSwarm

__version__ = "1.0.0a1"

# fmt: off
__all__ = [
    "DEFAULT_PRIVACY_PATTERNS", "ERROR_TAXONOMY", "Account", "AccountKey", "AgentHead", "AgentMail", "AgentMessage",
    "AgentOptions", "AlreadyDecided", "App", "ApprovalAction", "ApprovalDecidedData", "ApprovalDecision",
    "ApprovalPayload", "ApprovalRequest", "ApprovalRequired", "ApprovalRequiredData", "ApprovalRequiredEvent",
    "ApprovalRequiredTools", "Artifact", "Asked", "AsyncFlowStream", "AsyncRunStream", "AsyncToolDispatcher",
    "AttemptStatus", "Backoff", "Blocked", "BudgetAccounts", "BudgetError", "BudgetExhausted", "BudgetLimits",
    "Budgets", "CallPayload", "CallStatus", "CancellationToken", "Cancelled", "CapabilityPolicy", "CapabilityRule",
    "ChatCompletionChunk", "ChatModel", "ChatRequest", "CodeLimits", "CodeRunner", "CodeTools", "Compactor",
    "Completed", "Conclusion", "ConclusionPayload", "ConfigurationError", "ConsultLimits", "ContentCapture",
    "ContentEvent", "ContentLimits", "ContentMode", "ContentPolicy", "ContextBudget", "ContextPayload", "ContextSource",
    "Decision", "DeclaredTools", "Delta", "Detector", "DoneData", "DoneEvent", "Embedder", "EndPayload", "ErrorCode",
    "ErrorData", "ErrorEvent", "Event", "Failed", "FailureData", "FallbackModel", "FilteredTools", "Finding",
    "FlowCode", "FlowComparison", "FlowDoneData", "FlowDoneEvent", "FlowEngine", "FlowGlimpse", "FlowLimits",
    "FlowOptions", "FlowRerunPayload", "FlowResultPayload", "FlowResumePayload", "FlowRun", "FlowStartData",
    "FlowStartEvent", "FlowStatus", "FlowStepPayload", "FlowStream", "FlowStreamEvent", "FlowStreamEventType",
    "FlowTimeout", "FlowWorker", "FlushableSink", "FoundMemory", "FunctionTool", "Gate", "GeneratedTool",
    "GuardrailDecision", "Handoff", "HandoffContext", "HandoffLimits", "HandoffPayload", "HeldStream", "HistoryMessage",
    "HistoryReference", "HistorySource", "HistoryTransfer", "HookContext", "HookDecision", "HookPhase", "HttpServer",
    "HumanApprovalHook", "HumanFeedback", "InMemoryReviewStore", "InProcessMemory", "InformationFlow", "Journal",
    "JournalBudgetAccounts", "JournalStore", "JsonInput", "JsonLightFlowStore", "JsonObject", "JsonReviewStore",
    "JsonValue", "JsonlTraceExporter", "LightAgent", "LightAgentError", "LightAgentErrorInfo", "LightFlow",
    "LightFlowResult", "LightFlowStep", "LightFlowStepResult", "LightSwarm", "Limits", "ListedTools", "MailLimits",
    "McpFault", "McpServer", "McpTools", "McpUnavailable", "MemoriesPayload", "MemoryAdmissionDecision",
    "MemoryBudgetAccounts", "MemoryCandidate", "MemoryOwner", "MemoryPolicy", "MemoryPromotedPayload",
    "MemoryPromotionDecision", "MemoryPromotionPayload", "MemoryProtocol", "MemoryQueryPayload", "MemoryRecord",
    "MemoryScope", "MemoryStore", "MemoryWritePayload", "MemoryWrittenPayload", "MissingExtraError", "ModelEndpoint",
    "ModelPrice", "MontyRunner", "NarrowTools", "NoteEvent", "ObservingHook", "OfflineModel", "OpenAIChatModel",
    "OpenApiTools", "OpenTelemetrySink", "Origin", "Outcome", "OutputError", "OutputPayload", "OwnerSelection",
    "Passed", "PayloadT", "Phase", "PolicyError", "PolicyHook", "PrefixedTools", "PriceTable", "Prompts", "Proposal",
    "ProposedStep", "ProviderError", "PrunedSessions", "QueryPayload", "RateLimit", "ReasoningDelta", "ReasoningEvent",
    "Refused", "RememberedDecision", "RenamedTools", "Replacement", "ReplyEnd", "ReplyPayload", "RequestPart",
    "RequestPayload", "RequestPreview", "Requester", "ResultPayload", "ResumeOptions", "RetryPolicy", "RetryRule",
    "RetryTool", "Review", "ReviewStatus", "ReviewStore", "Reviews", "RunContext", "RunHandle", "RunInfo", "RunOptions",
    "RunResult", "RunStatus", "RunStream", "RunSuspended", "RunWatch", "Runs", "Scope", "SelfLearning",
    "ServedEmbedder", "ServedModel", "SessionInfo", "SessionStatus", "SessionTurn", "Sessions", "Settings",
    "SharedMemoryPool", "Skill", "SkillManager", "Spent", "StdioServer", "StepApprovalDecidedEvent",
    "StepApprovalRequiredEvent", "StepComparison", "StepContentEvent", "StepContext", "StepEndData", "StepEndEvent",
    "StepNoteEvent", "StepOptions", "StepReasoningEvent", "StepRestartEvent", "StepSide", "StepStartData",
    "StepStartEvent", "StepStatus", "StepToolCallEvent", "StepToolPartEvent", "StepToolResultEvent", "StepVerdict",
    "Stopped", "StoredRun", "StoredRunStatus", "StreamEvent", "StreamEventType", "Subject", "SubprocessRunner",
    "Suspended", "SwarmOptions", "TelemetrySink", "TenantBudget", "TextData", "TextDelta", "TokenCounter", "Tool",
    "ToolAnswer", "ToolCallData", "ToolCallDelta", "ToolCallEvent", "ToolCallRecord", "ToolError", "ToolLike",
    "ToolList", "ToolLoader", "ToolPartData", "ToolPartEvent", "ToolRegistry", "ToolResultData", "ToolResultEvent",
    "ToolSelection", "ToolSource", "ToolSpec", "ToolStatus", "TraceEvent", "TraceExporter", "TraceRecorder",
    "TraceSummary", "TreeOfThought", "TrimmedSession", "Usage", "UsageData", "Verdict", "WaitOptions", "WorkedRun",
    "after_flow_step", "after_memory_promote", "after_memory_retrieve", "after_memory_write", "after_model_response",
    "after_run", "after_tool_result", "as_tool", "before_flow_step", "before_memory_promote", "before_memory_retrieve",
    "before_memory_write", "before_model_request", "before_run", "before_tool_call", "classify_exception",
    "create_skill_tools", "event_from_dict", "event_to_dict", "export_trace", "flush_telemetry", "format_error_code",
    "format_lightagent_error", "high_risk_parameter_guardrail", "litellm_prices", "load_settings",
    "maximum_length_guardrail", "mcp_tools", "normalize_usage", "on_approval_required", "on_conclusion", "on_context",
    "on_error", "on_handoff", "on_output", "on_rerun", "on_resume", "open_app", "open_detector", "open_embedder",
    "openapi_tools", "output_redaction_guardrail", "output_schema_guardrail", "privacy_input_guardrail",
    "read_artifact", "sensitive_tool_confirmation_guardrail", "serve", "spent_in", "summarize_trace", "tool",
    "trace_events", "url_allowlist_guardrail",
]
# fmt: on


if not TYPE_CHECKING:  # To a type checker every misspelt name would be an object.

    def __getattr__(name: str) -> object:
        home = HOME_OF.get(name)
        if home is None:
            from lightagent.missing_names import missing_name

            raise missing_name(__name__, name, __all__)
        value: object = getattr(import_module(f"lightagent.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
