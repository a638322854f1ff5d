"""Model-written tools: checked without being run, and saved as files that are not approved yet."""
