"""What the model reports of its own answers: asked after each whether that was true."""
