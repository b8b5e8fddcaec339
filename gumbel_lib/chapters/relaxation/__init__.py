"""*Relaxation: a softmax for the argmax*."""
