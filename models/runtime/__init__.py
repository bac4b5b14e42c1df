"""The shared model cache and scheduler. Imports neither torch nor gradio.

    runtime = Runtime(RuntimeConfig(devices=("cpu",)))
    ticket = runtime.submit(Job(user="me", method="demo", checkpoint="", call=lambda context, model: 42))
    ticket.result()
"""

from models.runtime.config import RuntimeConfig
from models.runtime.context import JobContext
from models.runtime.errors import (
    Cancelled,
    Closed,
    JobFailed,
    LoadFailed,
    NeverFits,
    OutOfMemory,
    Refused,
    RuntimeProblem,
    WrongCheckpoint,
)
from models.runtime.runtime import Runtime
from models.runtime.ticket import Ticket
from models.runtime.types import (
    Event,
    Job,
    Loaded,
    PoolStatus,
    Prediction,
    Receipt,
    Resident,
    ResourceSpec,
    State,
    Status,
)

__all__ = [
    "Cancelled", "Closed", "Event", "Job", "JobContext", "JobFailed", "LoadFailed", "Loaded", "NeverFits",
    "OutOfMemory", "PoolStatus", "Prediction", "Receipt", "Refused", "Resident", "ResourceSpec", "Runtime",
    "RuntimeConfig", "RuntimeProblem", "State", "Status", "Ticket", "WrongCheckpoint",
]
