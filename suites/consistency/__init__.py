"""Does a long video stay itself: drift, similarity against distance in time, and who and what comes back as it was."""
