"""Cordwood beside its peers: `make bench`. Each figure counts only where every line is in the file, once and right."""
