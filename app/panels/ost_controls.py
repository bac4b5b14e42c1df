"""The left column of the video room: clip, how it is read, which weights answer, and the switches of the ablation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from app import service
from app.guard.errors import BadInput
from app.markup import markup
from app.panels.ost_session import Weights
from app.wording import interval_text
from models.method import ASSETS, Method

if TYPE_CHECKING:
    from models.ost.pipeline import Options

FOLDER = ASSETS / "examples" / "ost"
FRAMES = (8, 16, 32)
VIEWS = (1, 3, 12)
KINDS = [".pth", ".pt", ".safetensors"]
RUN = "Recognise"


def example_clips() -> list[tuple[str, str]]:
    """(title, file name) of the shipped clips."""
    return [(path.stem.replace("_", " "), path.name) for path in sorted(FOLDER.glob("*.mp4"))]


def example_path(name: str) -> Path:
    """A shipped clip. Raises BadInput for another name."""
    known = [file for _, file in example_clips()]
    if name not in known:
        raise BadInput("The example", f"{name!r} does not exist", f"Choose one of {', '.join(known) or 'none'}")
    return FOLDER / name


class Controls:
    """Components of the left column; ``asked`` turns their values into Options."""

    def __init__(self, method: Method) -> None:
        with gr.Group(elem_classes="v-group"):
            markup("<h3>Video</h3>", elem_classes="v-group-title")
            self.examples = gr.Radio(
                example_clips(),
                value=None,
                label="Example clips",
                info="Rendered actions whose names the model never read. Or put your own video on the stage.",
            )
            self.frames = gr.Radio(
                list(FRAMES), value=16, label="Frames (T)", info="Spread evenly over the clip. The paper takes 32."
            )
            self.views = gr.Radio(
                list(VIEWS), value=1, label="Views", info="1; 3 crops; or 4 clips of 3 crops, their scores added."
            )
            self.run = gr.Button(
                f"{RUN} - {interval_text(*method.cost_hints['recognise'])}", variant="primary", elem_id="ost-run"
            )
        with gr.Accordion("More", open=False, elem_classes="v-more"):
            self.epsilon = gr.Slider(
                0.01, 1.0, value=0.1, step=0.01, label="Epsilon", info="Larger spreads a frame over more descriptors."
            )
            self.iterations = gr.Slider(
                1, 200, value=100, step=1, label="Iterations", info="Most updates of the solver; the authors take 100."
            )
            self.marginals = gr.Radio(
                [("Uniform", "uniform"), ("By similarity", "similarity")],
                value="uniform",
                label="Marginals",
                info="How much a frame and a descriptor count.",
            )
            self.transport = gr.Checkbox(True, label="Count transport", info="What the plans collect.")
            self.pool = gr.Checkbox(True, label="Count pooling", info="Mean frame against mean descriptor.")
            self.shuffle = gr.Checkbox(
                False, label="Shuffle the frames too", info="The score must not change: the method ignores order."
            )
            self.weights = gr.Radio(
                [
                    (f"{c.name} (embedded)" if c.source == "embedded" else "A file of mine", c.name)
                    for c in method.checkpoints[:1] + method.checkpoints[2:]
                ],
                value=method.checkpoints[0].name,
                label="Weights",
                info="OST checkpoints of the authors or CLIP ViT-B/16.",
            )
            markup(
                '<p class="pk-under">OpenAI\'s ViT-B-16.pt is a TorchScript archive, which is not opened here. Save '
                "its state dict once: torch.save(torch.jit.load('ViT-B-16.pt', 'cpu').state_dict(), 'clip.pth').</p>"
            )
            self.path = gr.Textbox(
                label="File or transformers folder on this machine", placeholder="/path/ost_vitb16.pth", max_lines=1
            )
            self.file = gr.File(label="or upload it", file_types=KINDS, height=120)
            self.base = gr.Textbox(label="CLIP file to mix in", placeholder="/path/clip.pth", max_lines=1)
            self.ratio = gr.Slider(
                0.0, 1.0, value=0.0, step=0.05, label="Mixing ratio", info="0: fine-tuned; 1: before it. Paper: 0.2."
            )
            self.use = gr.Button("Use these weights", size="sm")

    @property
    def values(self) -> list[Any]:
        """What ``asked`` takes, in its order."""
        return [
            self.frames,
            self.views,
            self.epsilon,
            self.iterations,
            self.marginals,
            self.transport,
            self.pool,
            self.shuffle,
        ]


def asked(
    frames: float = 16,
    views: float = 1,
    epsilon: float = 0.1,
    iterations: float = 100,
    marginals: str = "uniform",
    transport: bool = True,
    pool: bool = True,
    shuffle: bool = False,
) -> Options:
    """How a video is read and scored, from the controls or a script. Raises BadInput."""
    from models.ost.network import HeadConfig
    from models.ost.pipeline import Options
    from models.ost.solver import Marginals, SolverConfig

    kinds: dict[str, Marginals] = {"uniform": "uniform", "similarity": "similarity"}
    if marginals not in kinds:
        raise BadInput("The marginals", f"are {marginals!r}", "Choose uniform or similarity")
    solver = SolverConfig(eps=float(epsilon), iterations=int(iterations), marginals=kinds[marginals])
    head = HeadConfig(solver, transport=transport, pool=pool)
    return Options(int(frames), int(views), head, shuffle_seed=0 if shuffle else None).checked()


def chosen_weights(kind: str, path: str, given: str | None, base: str, ratio: float) -> Weights:
    """The weights of the controls, their files through the checkpoint door. Raises BadInput and WrongCheckpoint."""
    from models.ost.weights import model_resource

    if kind == "mini":
        found = Weights(ratio=float(ratio))
    else:
        source = service.uploaded(given) if given else _named(path, "The weights file")
        mixed = _safe(_named(base, "The CLIP file")) if base.strip() and ratio > 0 else None
        found = Weights(_safe(source), mixed, float(ratio), source.name)
    model_resource(found.path, found.zero_shot, found.ratio)
    return found


def _named(path: str, what: str) -> Path:
    from models.ost.official import weights_in

    if not path.strip():
        raise BadInput(what, "is not given", "Write its path or upload it")
    if not service.trusts_paths():
        raise BadInput(what, "may not be named on a shared server", "Upload it")
    file = Path(path.strip()).expanduser()
    if not file.exists():
        raise BadInput(what, f"{file} does not exist", "Check the path")
    return weights_in(file)


def _safe(file: Path) -> str:
    from app.guard.checkpoints import checkpoint_door

    return str(checkpoint_door(file))
