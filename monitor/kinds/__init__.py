"""Types of checks, one file a kind; pure; strangers to each other."""
