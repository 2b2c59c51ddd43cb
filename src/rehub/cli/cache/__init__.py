"""`rehub cache ...`: manage the cache on this machine. Each command has a file here."""
