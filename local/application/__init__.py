"""The application: built and deployed by sam, or invoked in this process."""
