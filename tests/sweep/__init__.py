"""The sweep: ranges and windows, the study, the search in other processes, and what makes a best suspect."""
