"""What a run needs from outside, by role: protocols that speak in domain values."""
