"""Plain neural networks: tensors in, tensors out."""
