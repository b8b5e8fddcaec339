"""*Questions readers ask*."""
