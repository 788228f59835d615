"""What only the page Benchmarks draws."""
