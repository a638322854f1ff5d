"""``/a2a/NAME``: A2A, the Agent2Agent protocol."""
