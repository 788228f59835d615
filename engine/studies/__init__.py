"""One file a stored result: what is measured, over everything else in the engine."""
