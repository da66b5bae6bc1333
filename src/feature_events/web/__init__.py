"""Send HTTP requests within limits of time and size, with explicit TLS contexts and OAuth 2.0 tokens."""
