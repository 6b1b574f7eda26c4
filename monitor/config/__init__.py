"""YAML to a plan; every error with its place."""
