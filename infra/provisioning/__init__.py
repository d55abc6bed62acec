"""Topics, ACLs and the bucket, made and kept as the product needs them: `python -m infra provision`."""
