"""What operators configure: settings, calendar and metadata."""
