"""Pictures, videos and documents of cases and reports: their content tells what they are, never their name."""
