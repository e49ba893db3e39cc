"""PPO without Python per step: multilayer perceptrons on the CPU, compiled, with gradients written by hand."""
