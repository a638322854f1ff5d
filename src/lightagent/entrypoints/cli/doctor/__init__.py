"""``lightagent doctor``: check whether everything that is configured works."""
