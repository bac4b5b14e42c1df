"""One module per room: components and wiring, no maths."""
