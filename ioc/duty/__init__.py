"""Who is on duty, and how one shift hands over to the next: pure rules beside a thin use-case."""
