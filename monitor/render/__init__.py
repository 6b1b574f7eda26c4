"""Text for people: sandboxed templates, Slack blocks."""
