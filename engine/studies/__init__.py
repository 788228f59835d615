"""What is measured: each study makes one stored result, over everything else in the engine and under commands."""
