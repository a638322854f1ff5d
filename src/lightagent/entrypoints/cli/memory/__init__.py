"""``lightagent memory``: what agents remember and have learned."""
