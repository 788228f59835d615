"""What belongs to one visit: its picture, its collection, its links and keys, and the galleries it searches."""
