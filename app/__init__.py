"""The house people enter: the only part of the project that imports gradio."""
