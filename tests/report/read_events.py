"""Prints the scalars that TensorBoard's own reader finds in a folder: {tag: [[step, value], ...]}.

usage: read_events.py FOLDER   (with a Python that has the package tensorboard)
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))
