"""Scripted servers and an in-memory receiver, for tests of plugins and for the demo."""
