"""*Where floating point bites*."""
