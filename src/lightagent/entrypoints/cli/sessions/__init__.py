"""``lightagent sessions``: stored conversations."""
