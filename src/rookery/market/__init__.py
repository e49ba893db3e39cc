"""What acting costs and yields."""
