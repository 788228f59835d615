"""What only the page Encrypt draws."""
