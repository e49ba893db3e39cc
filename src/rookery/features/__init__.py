"""Tables in, columns out: every value is computed from its own row and the past alone."""
