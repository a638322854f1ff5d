"""Messages between agents of a swarm: the mailbox, where it is stored, and the tools that send."""
