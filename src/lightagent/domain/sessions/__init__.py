"""Sessions: conversations over several runs, the entries of their logs, and how long they are kept."""
