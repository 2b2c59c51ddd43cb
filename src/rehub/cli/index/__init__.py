"""The commands of `rehub index`."""
