"""The annotated picture on a screen: X11, Wayland, VNC or the HDMI console without a desktop."""
