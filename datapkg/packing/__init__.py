"""Images compressed without loss, one value an image; `docs/packed.md` defines the bytes for other programs."""
