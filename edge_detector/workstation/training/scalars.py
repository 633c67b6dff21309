"""The curves of a training for TensorBoard, which need not be installed."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from edge_detector.workstation.training.history import Epoch

_Metadata = tf.compat.v1.SummaryMetadata
# What `tf.summary.scalar` adds, which itself is in the package TensorBoard.
SCALAR = _Metadata(plugin_data=_Metadata.PluginData(plugin_name="scalars"), data_class="DATA_CLASS_SCALAR")


class Scalars:
    """Writes the figures of each epoch into a folder that `tensorboard --logdir` reads."""

    def __init__(self, folder: Path) -> None:
        self._writer = tf.summary.create_file_writer(str(folder))

    def write(self, epoch: Epoch) -> None:
        """Add the figures of the epoch."""
        figures = {
            "loss/scores": epoch.score_loss,
            "loss/boxes": epoch.box_loss,
            "rate": epoch.rate,
            "validation/mAP": epoch.mean_ap,
        }
        with self._writer.as_default(step=epoch.number):
            for name, value in figures.items():
                if value is not None:
                    tf.summary.write(name, tf.constant(value, tf.float32), metadata=SCALAR)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
