"""*Sampling from language models*."""
