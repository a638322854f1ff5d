"""Tools: declare functions as tools, validate arguments, and run calls."""
