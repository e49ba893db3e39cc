"""Whether a result is any good, and whether it is true."""
