"""HTTP only: each file turns requests of one noun into calls of the domain."""
