"""Human review: what a reviewer is asked, may decide, and has decided."""
