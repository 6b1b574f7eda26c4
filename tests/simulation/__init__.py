"""The whole daemon on a virtual clock, with seeded faults; a seed replays exactly."""
