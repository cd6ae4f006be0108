"""What all parts of AloneChat stand on."""
