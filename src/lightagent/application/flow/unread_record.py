"""The record of a run that cannot be read, as a listing shows it beside the others."""

from __future__ import annotations

from lightagent.application.flow.step_result import error_dict
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import RunOutline


def unread_record(
    run_id: str, owner: Scope, error: LightAgentErrorInfo, outline: RunOutline | None = None
) -> JsonObject:
    """Return what is known of a run that cannot be read, and why it cannot.

    Args:
        run_id: empty if even that cannot be read.
        outline: what the engine itself knows of the run; the status is ``unreadable`` where it knows none.
    """
    record: JsonObject = {
        "run_id": run_id,
        "status": "unreadable",
        "success": False,
        "content": "",
        "steps": [],
        "error": error_dict(error),
        "user_id": owner.user,
        "tenant": owner.tenant,
    }
    if outline is not None:
        record["created_at"] = outline.began
        if outline.status:
            record.update(status=outline.status, success=outline.status == "success")
        if outline.flow:
            record["flow"] = outline.flow
    return record
