"""The sections of the settings: a model of each table, with the meaning, the type and the trust of every key."""
