"""Agent Skills: what a skill is, its document, and what it permits."""
