"""The machine: temperature, throttling, memory, systemd."""
