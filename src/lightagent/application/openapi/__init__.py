"""The operations of an OpenAPI document as tools: where they are, what is shown of them, and what becomes of a call."""
