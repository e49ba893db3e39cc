"""Tables in, targets out: the only package that may look ahead."""
