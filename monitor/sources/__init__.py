"""Systems that are asked, one file a system."""
