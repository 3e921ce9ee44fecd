"""What is kept of people, sealed or not, and of attempts."""
