"""The annotated picture on a screen: X11, Wayland, VNC or the bare HDMI console."""
