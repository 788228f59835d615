"""What only the page Privacy lab draws."""
