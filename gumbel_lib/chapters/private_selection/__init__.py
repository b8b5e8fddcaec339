"""*Private selection*."""
