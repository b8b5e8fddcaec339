"""*Why differentiability*."""
