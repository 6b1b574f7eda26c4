"""Status page, JSON API, pings and metrics."""
