"""The annotated picture as an RTSP stream, for VLC, go2rtc and Frigate: python3 scripts/rtsp_server.py

It takes the page's picture (the detector runs with --sink web) and serves it as rtsp://THIS-MACHINE:8554/detector with
GStreamer's own server: sudo apt install python3-gst-1.0 gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{good,ugly}
"""

import argparse

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

ENCODER = "x264enc tune=zerolatency speed-preset=superfast key-int-max=30"  # on a Pi 4: v4l2h264enc

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--page", default="http://127.0.0.1:8080", help="the detector's page (%(default)s)")
parser.add_argument("--token-file", help="a file with the page's token, where it asks for one")
parser.add_argument("--port", default="8554", help="of the stream (%(default)s)")
parser.add_argument("--encoder", default=ENCODER, help="GStreamer's encoder of H.264 (%(default)s)")
arguments = parser.parse_args()

headers = ""
if arguments.token_file:
    with open(arguments.token_file) as file:  # noqa: PTH123
        headers = f'extra-headers="headers,Authorization=(string)\\"Bearer {file.read().strip()}\\""'
Gst.init(None)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f"( souphttpsrc location={arguments.page}/stream.mjpg is-live=true do-timestamp=true {headers} "
    f"! multipartdemux ! jpegdec ! videoconvert ! video/x-raw,format=I420 ! {arguments.encoder} "
    "! rtph264pay name=pay0 pt=96 )"
)
factory.set_shared(True)  # one decoder and encoder for all viewers, and none while nobody looks
server = GstRtspServer.RTSPServer()
server.set_service(arguments.port)
server.get_mount_points().add_factory("/detector", factory)
server.attach(None)
print(f"rtsp://THIS-MACHINE:{arguments.port}/detector", flush=True)
GLib.MainLoop().run()
