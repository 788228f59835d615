"""What only the page Retrieve draws."""
