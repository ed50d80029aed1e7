"""What the papers say of it: claims, printed numbers and the ledger, one file for each paper."""
