"""``lightagent trace``: the traces of runs."""
