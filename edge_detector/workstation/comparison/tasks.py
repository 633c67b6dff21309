"""What models are for, and so what a comparison measures of them and what it calls that. Importing this is light."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """What models of one kind do."""

    option: str  # of compare, that names the truth
    accuracy: str  # what the first figure is called
    accuracy_is: str
    class_accuracy: str  # what it is called of one class
    second: str
    second_is: str
    same: str  # what two models may have in common
    same_is: str  # of the reference
    truths: str  # what there is to find
    pictures: str
    noise_of_fifty: float  # the difference in the first figure that fifty pictures cannot tell from none


DETECTION = Task(
    option="annotations",
    accuracy="mAP",
    accuracy_is="average precision, IoU 0.50 to 0.95",
    class_accuracy="AP",
    second="AP50",
    second_is="average precision at IoU 0.50",
    same="same objects",
    same_is="of those that {reference} shows, how many it shows too",
    truths="objects",
    pictures="photographs",
    noise_of_fifty=0.015,
)
CLASSIFICATION = Task(
    option="pictures",
    accuracy="top-1",
    accuracy_is="of the pictures, the part whose class is the first guess",
    class_accuracy="top-1",
    second="top-5",
    second_is="of the pictures, the part whose class is one of the five first guesses",
    same="same guess",
    same_is="pictures with the first guess of {reference}",
    truths="pictures",
    pictures="pictures",
    # Two models that differ on a tenth of the pictures: one is ahead by the root of so many, by chance alone.
    noise_of_fifty=0.045,
)
TASKS = {task.option: task for task in (DETECTION, CLASSIFICATION)}
EXAMINATIONS = {  # "module:class" of an `examination.Examination` for each
    DETECTION.option: "edge_detector.workstation.comparison.detections:DetectorExamination",
    CLASSIFICATION.option: "edge_detector.workstation.comparison.guesses:ClassifierExamination",
}
