"""What a page costs: CPU time of the whole answer, compressed, and its bytes."""
