"""Tests against real systems; every one of them carries the marker `platform`."""
