"""Entry point of the dashboard: the frame around every page, and nothing else."""

from pages.components import frame

frame.run()
