"""Which of many tools a model is offered: ranked by words or by meaning, or found by the model."""
