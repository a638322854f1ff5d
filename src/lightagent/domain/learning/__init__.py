"""Learning from runs: lessons, how useful they are, what they may say of users, and feedback."""
