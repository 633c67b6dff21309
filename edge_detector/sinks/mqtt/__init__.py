"""Detections for home automation, over MQTT."""
