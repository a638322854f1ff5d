"""Human review of a run: who is asked about its waiting calls, and how it goes on with the decisions."""
