"""*The Gumbel-max trick*."""
