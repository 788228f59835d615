"""Overview: the whole idea on one screen."""

from pages.components import frame

frame.ensure_frame()
frame.heading("Search chest X-rays without showing them", "Soon.")
