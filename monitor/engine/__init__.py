"""The loop: clock, schedule, asking, transaction, outbox, digests."""
