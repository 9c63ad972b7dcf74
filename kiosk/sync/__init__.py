"""Journal rows in, batches out; decisions in. It would still be right if HQ answered in a month."""
