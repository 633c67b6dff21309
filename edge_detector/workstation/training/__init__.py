"""What the commands train and distill are made of: fine-tuning, and labels from teachers."""
