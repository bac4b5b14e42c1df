"""The left column of the HuGS room: each step shows its own part of it (app/assets/css/hugs.css)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from app.frame import Update
from app.markup import markup
from app.panels.hugs_given import COLOURS, KNOBS, NANO, OWN, fraction_of
from models.hugs.fusion_config import helps, suited_to
from models.hugs.nerfstudio import find_nerfstudio

if TYPE_CHECKING:
    from models.hugs.pipeline_work import Work

LABELS = {
    "track_threshold": "Track threshold (photos)",
    "quantile": "Residual quantile",
    "vote": "Vote (share of a segment)",
    "smooth": "Close holes (px)",
    "erode": "Erode (px)",
    "gap": "Close feature holes (px)",
    "dedup": "Same feature within (px)",
}
SLIDERS = {
    "track_threshold": (0, 36, 1),
    "quantile": (0.5, 1.0, 0.005),
    "vote": (0.0, 1.0, 0.01),
    "smooth": (0, 21, 1),
    "erode": (0, 21, 1),
    "gap": (0, 21, 1),
    "dedup": (0.0, 5.0, 0.1),
}
STEPS, COMPARE_STEPS, SIDE = 800, 400, 96
"""Those of the comparison are the shipped one's: pressing Compare gives what is shown."""
EXAMPLE_SIDE = 192


def _left(*steps: str) -> gr.Column:
    """A part of the left column that is there at ``steps``."""
    return gr.Column(elem_classes=["hg-left", *(f"hg-for-{step}" for step in steps)])


class Controls:
    """All of them; drawn where it is made. ``images``: photos of the capture that is open first."""

    def __init__(self, images: int) -> None:
        self._default = suited_to(images, EXAMPLE_SIDE)
        self.knobs: dict[str, Any] = {}
        self._help = helps()
        self._load()
        self._structure()
        with _left("sfm", "fused"):
            self.knobs["track_threshold"] = self._slider("track_threshold", most=images)
            self.fraction = gr.Slider(
                0,
                1,
                value=fraction_of(self._default.track_threshold, images),
                step=0.005,
                label="The same as a share of the photos",
                info="The paper's threshold; it suggests 0.01 to 0.2.",
            )
        self._residual()
        with _left("residual", "fused"):
            self.knobs["quantile"] = self._slider("quantile")
        self._segments()
        with _left("fused"):
            for name in ("vote", "smooth", "erode"):
                self.knobs[name] = self._slider(name)
            with gr.Accordion("More", open=False, elem_classes="v-more"):
                for name in ("gap", "dedup"):
                    self.knobs[name] = self._slider(name)
                self.knobs["outliers"] = gr.Checkbox(
                    self._default.outliers, label="Drop outliers", info=self._help["outliers"]
                )
            self.reset = gr.Button("Reset all knobs", size="sm")
        self._corrections()
        self._own_masks()
        self._export()
        self._nerfstudio()
        self._compare()
        # In the order the handler reads them.
        self.knobs = {name: self.knobs[name] for name in KNOBS}

    def _slider(self, name: str, most: int | None = None) -> gr.Slider:
        low, high, step = SLIDERS[name]
        return gr.Slider(
            low,
            most or high,
            value=getattr(self._default, name),
            step=step,
            label=LABELS[name],
            info=self._help[name],
        )

    def _load(self) -> None:
        with _left("load"):
            self.files = gr.File(
                label="Photos, zip, video or project",
                file_count="multiple",
                height=140,
            )
            self.path = gr.Textbox(label="Folder or file on this machine", placeholder="/path/to/capture", max_lines=1)
            self.frames = gr.Slider(
                3, 60, value=36, step=1, label="Frames of a video", info="The sharpest, evenly spread."
            )
            self.load = gr.Button("Load", variant="primary", size="sm")
            self.example = gr.Button("Back to the example", size="sm")

    def _structure(self) -> None:
        with _left("sfm"):
            self.keep_poses = gr.Checkbox(
                True, label="Keep known cameras", info="Only points are looked for when every photo has a camera."
            )
            self.with_masks = gr.Checkbox(
                False, label="Use the masks of now", info="No features on what is masked: better cameras, second pass."
            )
            self.find = gr.Button("Find structure", variant="primary", size="sm")

    def _residual(self) -> None:
        with _left("residual", "compare"):
            self.side = gr.Slider(
                48, 256, value=SIDE, step=16, label="Learning size (px)", info="Longer side of the photos in training."
            )
            self.seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=2**31)
        with _left("residual"):
            self.steps = gr.Slider(
                100, 3000, value=STEPS, step=100, label="Steps", info="More sharpen the residual, up to a point."
            )
            with gr.Row(elem_classes="hg-two"):
                self.train = gr.Button("Train and render", variant="primary", size="sm")
                self.enough = gr.Button("Stop and use", size="sm")

    def _segments(self) -> None:
        with _left("segments"):
            self.source = gr.Radio(
                [("Colours (Felzenszwalb)", COLOURS), ("RobustSAM nano", NANO), ("A SAM file of mine", OWN)],
                value=COLOURS,
                label="Segments by",
                info="Colours need no network, and the report card is measured with them. SAM is slow without a GPU.",
            )
            with gr.Column(visible=False) as self.own:
                self.sam_path = gr.Textbox(
                    label="File on this machine", placeholder="/path/sam_vit_b_01ec64.pth", max_lines=1
                )
                self.sam = gr.File(label="or upload it", file_types=[".pth", ".pt", ".safetensors"], height=140)
            self.split = gr.Checkbox(True, label="Split the rest by colour", info="What no region covers.")
            self.prompt = gr.Checkbox(
                False, label="Ask at every feature", info="The paper's feature cue; slower. Needs RobustSAM or SAM."
            )
            self.segment = gr.Button("Find segments", variant="primary", size="sm")

    def _corrections(self) -> None:
        with _left("segments", "fused"), gr.Group(elem_classes="v-group"):
            markup("<h3>Correct</h3>", elem_classes="v-group-title")
            self.tool = gr.Radio(
                [("Why", "why"), ("Moves", "moves"), ("Static", "static"), ("Auto", "auto")],
                value="why",
                label="A click says",
                info="Why: the truth table. The others settle the clicked segment.",
            )
            with gr.Row(elem_classes="hg-two"):
                self.undo = gr.Button("Undo", size="sm")
                self.redo = gr.Button("Redo", size="sm")
            self.reach = gr.Slider(1, 10, value=2, step=1, label="Neighbours", info="Photos either way.")
            self.spread = gr.Button("Carry to neighbours", size="sm")

    def _own_masks(self) -> None:
        with _left("fused", "export"), gr.Accordion("Masks of my own", open=False, elem_classes="v-more"):
            self.own_files = gr.File(
                label="PNG files or a zip", file_count="multiple", file_types=[".png", ".zip"], height=140
            )
            self.own_path = gr.Textbox(label="Folder on this machine", placeholder="/path/to/masks", max_lines=1)
            self.own_kind = gr.Radio(
                [("used", "static"), ("ignored", "inverted")],
                value="static",
                label="White is",
                info="Files <photo>.png of the photos' size stand for the fused maps; clicks still correct.",
            )
            with gr.Row(elem_classes="hg-two"):
                self.own_use = gr.Button("Use these", size="sm")
                self.own_drop = gr.Button("Fused again", size="sm")

    def _export(self) -> None:
        with _left("export"):
            self.formats = gr.CheckboxGroup(
                [
                    ("Static PNG (white used)", "static"),
                    ("Inverted PNG (white ignored)", "inverted"),
                    ("COLMAP masks", "colmap"),
                    ("nerfstudio folder", "nerfstudio"),
                    ("gsplat folder", "gsplat"),
                    ("Overlay mp4", "overlay"),
                ],
                value=["static"],
                label="Formats",
                info="Settings, corrections and the receipt go along as settings.json.",
            )
            self.full_size = gr.Checkbox(True, label="Masks in the photos' original size")
            self.export = gr.Button("Download masks", variant="primary", size="sm")
            self.keep = gr.Button("Download the work", size="sm")
            markup("<p class='hg-under'>The work is this capture with all its stages; open it under Load to go on.</p>")

    def _nerfstudio(self) -> None:
        """Only where nerfstudio is installed; elsewhere the stage says how to get it."""
        with _left("export"), gr.Column(visible=find_nerfstudio() is not None):
            self.nerfacto_steps = gr.Slider(500, 30_000, value=5000, step=500, label="Steps of nerfacto")
            self.nerfacto = gr.Button("Train nerfacto", size="sm")

    def _compare(self) -> None:
        with _left("compare"):
            self.which = gr.CheckboxGroup(
                [("No masks", "none"), ("HuGS masks", "hugs"), ("True masks", "true")],
                value=["none", "hugs", "true"],
                label="Train with",
                info="True masks are known for rendered captures only.",
            )
            self.compare_steps = gr.Slider(100, 3000, value=COMPARE_STEPS, step=100, label="Steps each")
            self.compare = gr.Button("Compare", variant="primary", size="sm")

    @property
    def capture_bound(self) -> list[Any]:
        """What has to fit the capture."""
        return [*self.knobs.values(), self.fraction, self.which]

    def fit(self, work: Work) -> Update:
        """The controls for another capture: its number of photos, its settings, whether the truth is known."""
        images = len(work.names)
        told: Update = {self.knobs[name]: getattr(work.fusion, name) for name in KNOBS}
        count = self.knobs["track_threshold"]
        told[count] = gr.Slider(maximum=images, value=min(work.fusion.track_threshold, images))
        told[self.fraction] = fraction_of(work.fusion.track_threshold, images)
        known = any(view.truth is not None for view in work.capture.views)
        told[self.which] = ["none", "hugs", "true"] if known else ["none", "hugs"]
        return told

    def defaults(self, work: Work) -> list[Any]:
        """The knobs as they are at first, for a capture."""
        return [getattr(work.suited, name) for name in KNOBS]

    def wants_file(self, source: str) -> Any:
        """The place for a file is there when one is wanted."""
        return gr.Column(visible=source == OWN)
