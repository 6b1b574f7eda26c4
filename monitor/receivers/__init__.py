"""Ways to tell people, one file a type."""
