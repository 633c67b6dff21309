"""The annotated picture as an H.264 film, ``video:FILE.mp4``, or as films of some minutes each, ``video:FOLDER``.

Of several cameras each has films of its own, with its name: ``FILE_porch.mp4``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.overlay import annotate
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.recording.disk import Outage
from edge_detector.sinks.recording.encoder import choose_codec
from edge_detector.sinks.recording.playable import FILM_SUFFIX
from edge_detector.sinks.recording.recorder import Recorder, SegmentRecorder, SingleFileRecorder, VideoOptions
from edge_detector.trails import Trails
from edge_detector.types import Result


class VideoSink(Sink, options=VideoOptions, may_block=True, backlog=8, cameras=Cameras.APART):
    """Records the annotated picture at its real speed: a dropped frame does not shorten the film."""

    def __init__(self, spec: Spec, context: Context) -> None:
        options = sink_options(VideoOptions, spec)
        self._meter = context.meter
        self._trails = Trails(wanted=options.trails)
        self._outage = Outage("video", live=context.live)
        codec = choose_codec(options.encoder)
        self._recorder: Recorder
        if _is_folder(options.path):
            self._recorder = SegmentRecorder(options, codec, context, self._outage)
        else:
            _check_is_one_film(spec, options.path)
            self._recorder = SingleFileRecorder(options, codec, context, self._outage)

    def __repr__(self) -> str:
        return f"<VideoSink {self._recorder!r}>"

    @property
    def lost(self) -> int:
        """Pictures for which the disk had no room."""
        return self._outage.lost

    def open(self) -> None:
        self._recorder.open()

    def close(self) -> None:
        self._recorder.close()

    def write(self, result: Result) -> None:
        """Add the annotated frame.

        Raises `SinkError` if the disk fails, `DiskFull` if it is full and the source is a file. The film written so
        far can be played.
        """
        image = annotate(result, line=self._meter.line(), trails=self._trails.update(result))
        self._outage.attempt(partial(self._recorder.add, image, result.frame.timestamp_ns))


def _is_folder(path: Path) -> bool:
    return path.is_dir() or not path.suffix


def _check_is_one_film(spec: Spec, path: Path) -> None:
    if path.suffix.lower() != FILM_SUFFIX:
        raise ConfigError(f"sink video: {path}: films are MP4 files; call it {path.with_suffix(FILM_SUFFIX)}")
    for key in ("segment", "segment_size", "keep"):
        if key in spec.options:
            raise ConfigError(f"sink video: {key} is for a folder of films; {path} is one film")
