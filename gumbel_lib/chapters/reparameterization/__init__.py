"""*Reparameterization: parameters apart from noise*."""
