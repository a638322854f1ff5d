"""A run of an agent: the events, their fold into a state, and the decision what to do next."""
