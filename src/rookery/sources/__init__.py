"""Raw files and services in, checked tables out."""
