"""*From one row to a billion classes*."""
