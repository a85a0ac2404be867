"""What a notebook shows: thumbnails in DataFrames, and what is in a package or a table.

The HTML holds everything it needs: pictures as data, no script from elsewhere. All text of the data is escaped.
"""
