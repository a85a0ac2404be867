"""What other catalogues want to know of a package, in their own words: one module a format, all from the same facts."""
