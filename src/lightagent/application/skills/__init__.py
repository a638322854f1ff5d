"""Skills: folders of instructions that are found, read, and given to models when they need them."""
