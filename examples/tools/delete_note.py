"""A tool of a directory that waits for a human before each call."""

from lightagent import tool


@tool(requires_approval=True)
def delete_note(title: str) -> str:
    """Delete a note.

    Args:
        title: The title of the note.
    """
    return f"The note {title!r} is gone."
