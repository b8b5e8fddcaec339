"""*The die revisited: why it works, and when it stops working*."""
