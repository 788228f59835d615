"""What only the page Encrypted search draws."""
