"""``/v1/responses``: OpenAI's responses protocol."""
