"""Network definitions (``torch.nn`` only); trained weights and measured results live in the sub-folders."""
