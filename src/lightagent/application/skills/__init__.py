"""Skills: folders of instructions that are discovered, read, and given to models when needed."""
