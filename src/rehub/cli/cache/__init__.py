"""`rehub cache ...`: what its owner does with the cache. A command is a file here, over `rehub.cache`."""
