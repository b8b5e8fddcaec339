"""*Distributions of the maximum*."""
