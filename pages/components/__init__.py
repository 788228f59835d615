"""What two or more pages share: the frame, the picture at hand, and the ways to show things."""
