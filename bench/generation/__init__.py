"""From a memory to frames: recall (bring back a moment) and rollout (go on from here)."""
