"""What many pages are drawn with."""
