"""Human reviews: the requests, where they are stored, and decisions about them."""
