"""What an agent remembers and learns: recall, admission, candidates, facts and lessons."""
