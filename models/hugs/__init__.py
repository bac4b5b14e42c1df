"""NeRF-HuGS (Chen et al., CVPR 2024): which pixels of casual photos belong to the scene that stands still."""

from models.method import Checkpoint, Method

METHOD = Method(
    slug="hugs",
    title="NeRF-HuGS",
    sentence="Mask what moves in casual photos, and see what the masks buy when a radiance field is trained on them.",
    paper_title="NeRF-HuGS: Improved Neural Radiance Fields in Non-static Scenes Using Heuristics-Guided Segmentation "
    "(CVPR 2024)",
    paper_url="https://arxiv.org/abs/2403.17537",
    licence="code Apache-2.0; method Apache-2.0 (NeRF-HuGS), SAM Apache-2.0",
    checkpoints=(
        Checkpoint(
            "voxel",
            source="embedded",
            licence="Apache-2.0",
            note="a small radiance field trained on the capture itself, on the processor; there is no file",
        ),
        Checkpoint(
            "file",
            source="file",
            licence="Apache-2.0 (SAM)",
            note="a sam_vit_{b,l,h} file for the segments",
        ),
    ),
    parity="bit-exact fusion",
    honest_line="A small radiance field on the processor: its residual is coarser than the paper's, so masks are too.",
    panel="app.panels.hugs",
    accepts=("Image", "MaskSet", "Capture", "Video"),
    produces=("MaskSet", "Capture"),
    cost_hints={"fuse": (0.01, 0.1), "sfm": (5.0, 30.0), "residual": (15.0, 60.0), "segments": (5.0, 60.0)},
)
