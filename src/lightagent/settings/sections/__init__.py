"""The sections of the settings: a model of each table of a file, with what every key means, may be and needs."""
