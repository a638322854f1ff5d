"""Plans that a model makes before an agent acts, and the search for one."""
