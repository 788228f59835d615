"""What only the page Who sees what draws."""
