"""The real daemon, killed with `kill -9` at random moments while things fire and resolve."""
