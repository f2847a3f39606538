"""Maps and masks in files: finding, reading, resizing, writing and counting them."""
