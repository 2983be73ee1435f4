"""Who calls the app: an HTTP server, or the Lambda runtime."""
