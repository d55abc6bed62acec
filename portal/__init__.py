"""For people rather than for Zoom: the marketplace's back end on behalf of freelancers and clients, and analysts."""
