"""RobustSAM (Chen et al., CVPR 2024): click an object in a degraded photo and get the mask a clean photo would give."""

from models.method import Checkpoint, Method

METHOD = Method(
    slug="robust_sam",
    title="RobustSAM",
    sentence="Click an object; compare plain SAM and RobustSAM on clean and degraded photos.",
    paper_title="RobustSAM: Segment Anything Robustly on Degraded Images (CVPR 2024)",
    paper_url="https://arxiv.org/abs/2406.09627",
    licence="code Apache-2.0; method MIT (RobustSAM) and Apache-2.0 (SAM)",
    checkpoints=(
        Checkpoint(
            "nano",
            source="embedded",
            licence="Apache-2.0",
            note="7 M parameters, trained by this project on rendered scenes, composites and regions of photographs",
            file="nano.safetensors",
        ),
        Checkpoint(
            "file",
            source="file",
            licence="Apache-2.0 (SAM), MIT (RobustSAM)",
            note="the authors' robustsam_checkpoint_{b,l,h}.pth, or a plain sam_vit_{b,l,h} file (SAM branch only)",
        ),
    ),
    parity="within 2e-5 + 1e-4 relative",
    honest_line=(
        "Small weights after a short training: expect leaks and misses on photos; "
        "on degraded ones the robust branch is no better than plain SAM yet."
    ),
    panel="app.panels.robust_sam",
    accepts=("Image",),
    produces=("MaskSet",),
    cost_hints={"set_image": (0.2, 1.5), "click": (0.03, 0.15)},
    offers={"segments": "models.robust_sam.proposals:segmenter"},
)
