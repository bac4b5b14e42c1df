"""OST (Chen et al., CVPR 2024): names an action in a video by matching its frames to descriptors of each class."""

from models.method import Checkpoint, Method

METHOD = Method(
    slug="ost",
    title="OST",
    sentence="Write a class list, edit its descriptors, and see which frame was matched to which of them.",
    paper_title="OST: Refining Text Knowledge with Optimal Spatio-Temporal Descriptor for General Video Recognition "
    "(CVPR 2024)",
    paper_url="https://arxiv.org/abs/2312.00096",
    licence="code Apache-2.0; method MIT (OST), CLIP code MIT",
    checkpoints=(
        Checkpoint(
            "mini",
            source="embedded",
            licence="Apache-2.0",
            note="2.5 M parameters, trained by this project on rendered clips of moving figures",
            file="mini.safetensors",
        ),
        Checkpoint(
            "clip",
            source="file",
            licence="MIT (OpenAI CLIP)",
            note="CLIP ViT-B/16 of the user: a transformers folder, or OpenAI's ViT-B-16.pt saved as a state dict once",
        ),
        Checkpoint(
            "file",
            source="file",
            licence="CC BY-NC-SA 4.0 (the authors' weights)",
            note="the authors' OST checkpoint (.pth) of ViT-B/16",
        ),
    ),
    parity="solver within 1e-12, network within 1e-5",
    honest_line=(
        "The embedded weights know rendered figures only: on real footage their answers mean little. "
        "The score ignores the order of the frames, as the method does."
    ),
    panel="app.panels.ost",
    accepts=("Video",),
    produces=("Labels", "Segments"),
    cost_hints={"recognise": (0.4, 1.5), "timeline": (2.0, 10.0)},
)
