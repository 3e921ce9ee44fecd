"""Pages to look at: a folder becomes embeddings, numbers, figures and one self-contained HTML file."""
