"""What keeps memories: each file is an adapter of `lightagent.ports.memory`."""
