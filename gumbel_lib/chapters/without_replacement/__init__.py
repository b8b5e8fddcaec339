"""*Drawing k winners: sampling without replacement*."""
