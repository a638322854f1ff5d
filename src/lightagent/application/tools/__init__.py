"""Functions as tools: how one is declared, checked, called and answered for."""
