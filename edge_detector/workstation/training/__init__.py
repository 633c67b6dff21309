"""Fine-tuning on labelled photographs."""
