"""*A variational autoencoder whose likelihood is exact*."""
