"""From the options a user typed to an agent's means and a run's request, with everything checked."""
