"""PeLK (Chen et al., CVPR 2024): kernels up to 101 x 101 whose outer weights are shared, cheap on any machine."""

from models.method import Checkpoint, Method

METHOD = Method(
    slug="pelk",
    title="PeLK",
    sentence="Design a kernel as large as the image, time it on this machine, and see what a network looks at.",
    paper_title="PeLK: Parameter-efficient Large Kernel ConvNets with Peripheral Convolution (CVPR 2024)",
    paper_url="https://arxiv.org/abs/2403.07589",
    licence="code Apache-2.0; the authors published no code",
    checkpoints=(
        Checkpoint(
            "nano",
            source="embedded",
            licence="Apache-2.0",
            note="pelk_nano and twins with K = 7 and K = 3, trained by this project on two tasks made by rule",
            file="pathfinder_large_0.safetensors",
        ),
        Checkpoint(
            "file",
            source="file",
            licence="as the file's: SLaK MIT, RepLKNet MIT, ConvNeXt MIT",
            note="a SLaK, RepLKNet or ConvNeXt checkpoint; what fits is taken over, the rest is listed",
        ),
    ),
    parity="re-implementation",
    honest_line=(
        "Small networks after minutes of training: on our two tasks the large kernels do not beat a twin with 7 x 7. "
        "The authors published no code and no weights."
    ),
    panel="app.panels.pelk",
    accepts=("Image",),
    produces=("Image", "Table"),
    cost_hints={"timing": (1.0, 6.0), "receptive_field": (0.3, 3.0)},
)
