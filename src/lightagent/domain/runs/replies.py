"""Which replies of a model are an answer, and which were cut off, withheld or refused."""

from __future__ import annotations

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.outcomes import Blocked, Failed, Outcome
from lightagent.domain.runs.events import ModelReplied


def cut_short(reply: ModelReplied) -> Outcome | None:
    """How the run ends because the provider cut the reply off or withheld it; None for a whole reply."""
    if reply.message.refusal:
        return Blocked(
            LightAgentErrorInfo(
                "LA-403", "The model refused to answer.", "Change the request.", {"refusal": reply.message.refusal}
            )
        )
    if reply.finish_reason == "content_filter":
        return Blocked(
            LightAgentErrorInfo(
                "LA-403",
                "The provider's content filter withheld the answer.",
                "Change the request.",
                {"finish_reason": "content_filter"},
            )
        )
    if reply.finish_reason == "length":
        return Failed(
            LightAgentErrorInfo(
                "LA-413",
                "The answer was cut off at the token limit.",
                'Raise max_tokens in metadata=; result_format="object" gives the part that came.',
                {"finish_reason": "length"},
            )
        )
    return None


def refused_request(error: LightAgentErrorInfo) -> Outcome:
    """How the run ends because its request failed for good; a prompt that the provider's filter refused is blocked."""
    filtered = (error.details or {}).get("finish_reason") == "content_filter"
    return Blocked(error) if filtered and error.code == "LA-403" else Failed(error)
