"""Images from TIFF and OME-TIFF files."""
