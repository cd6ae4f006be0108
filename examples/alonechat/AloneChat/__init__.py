"""AloneChat, as far as its logging goes."""
