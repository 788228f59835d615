"""What only the page Compress draws."""
