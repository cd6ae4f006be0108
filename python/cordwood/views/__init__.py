"""SHOW: what operators type and see. One module for each command that is more than a few lines; `cli` lists them."""
