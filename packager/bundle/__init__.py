"""Lambda functions without a container image: a zip of the code, and layers of packages from wheels."""
