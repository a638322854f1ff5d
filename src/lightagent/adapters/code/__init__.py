"""What runs programs of models and skills: each file is an adapter of `lightagent.ports.code`."""
