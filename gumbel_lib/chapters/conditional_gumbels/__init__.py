"""*The same noise, another model*."""
