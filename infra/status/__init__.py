"""`python -m infra status`: how the whole pipeline is, on one screen."""
