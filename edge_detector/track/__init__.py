"""From detections to objects that stay the same from frame to frame, and to their visits."""
