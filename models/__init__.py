"""The methods, as a library one can use without the app: ``from models.robust_sam import pipeline``."""
