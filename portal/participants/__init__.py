"""The freelancer and the client of one call: how they come in, and the page that they see."""
