"""Frame-exact reading and writing of video, and footage to read."""
