"""Analysis beside its peers: `make bench-analysis`. Answers are compared with the truth before they count."""
