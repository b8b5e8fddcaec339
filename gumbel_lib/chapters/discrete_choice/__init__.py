"""*Discrete choice: utilities with Gumbel noise*."""
