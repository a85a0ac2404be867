"""Images of one plane: PNG, JPEG and the like."""
