"""``lightagent tools``: the tools that agents may call."""
