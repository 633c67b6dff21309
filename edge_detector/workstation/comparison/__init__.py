"""Every quantization technique made from one float model, and measured side by side."""
