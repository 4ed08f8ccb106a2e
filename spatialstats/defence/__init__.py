"""Blocking a region of an image, and what that is worth."""
