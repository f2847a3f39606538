"""Methods compared over several seeds: their trainings, records and statistics."""
