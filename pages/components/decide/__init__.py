"""What only the page For deciders draws."""
