"""*Every estimator against the exact gradient*."""
