"""What operators say: settings, calendar and metadata."""
