"""What the pages are drawn with: ``kit`` (many pages), ``visit`` (one visit's state), ``frame``, a folder a page."""
