"""The Flask edge for Zoom: verify the signature, translate to an envelope, publish, acknowledge."""
