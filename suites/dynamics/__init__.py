"""Motion: how much of it there is, where in the video, and whether a video is still. By RAFT's optical flow."""
