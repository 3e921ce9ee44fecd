"""What is stored about people, sealed or not, and about attempts."""
