"""HTTP within limits of time and size, sessions with a TLS context of their own, and OAuth 2.0 tokens."""
