"""*Training a biased die*."""
