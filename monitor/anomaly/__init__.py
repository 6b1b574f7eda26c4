"""Find unusual buckets in business metrics: pure numerics on numpy arrays.

No clock, randomness, I/O, logging or threads; every moment is an argument. The values are in
``model``, which does not need numpy; judging is in ``replay``.
"""
