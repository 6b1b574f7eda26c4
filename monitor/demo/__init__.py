"""The embedded platform and its scripted day."""
