"""Output for people to look at: pages, figures, pictures and annotated photos."""
