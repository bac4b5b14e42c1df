"""One training step of the released recipe against the recorded losses, statistics and gradient norms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.robust_sam import frames
from models.robust_sam.branches import run_branch
from models.robust_sam.losses import BranchOutput, LossWeights, PairLosses, pair_losses
from models.robust_sam.network import RobustSam
from tests.parity.recorded import Recorded
from tests.parity.robust_sam_models import with_recorded_weights

SLUG = "robust_sam"


@dataclass(frozen=True)
class Step:
    file: Recorded
    arrays: dict[str, np.ndarray]
    model: RobustSam
    clear: BranchOutput
    degraded: BranchOutput
    losses: PairLosses
    resized: list[Tensor]


def joined(outputs: list[BranchOutput]) -> BranchOutput:
    return BranchOutput(
        *(
            torch.cat([getattr(output, name) for output in outputs])
            for name in ("logits", "image_feature", "mask_feature", "tokens")
        )
    )


def loss_weights(file: Recorded) -> LossWeights:
    given = file.entry["loss_weights"]
    return LossWeights(given["focal"], given["dice"], given["token"], given["embedding"])


def step() -> Step:
    file = Recorded.open(SLUG, "robustsam_tiny_train.npz")
    arrays = file.arrays()
    model = with_recorded_weights(file).train()
    for frozen in file.entry["frozen"]:
        model.get_submodule(frozen).requires_grad_(False)
    size, long_side = tuple(file.entry["image_size_hw"]), file.entry["long_side"]
    outputs: dict[str, list[BranchOutput]] = {"clear": [], "degraded": []}
    resized = []
    for kind, of_kind in outputs.items():
        for index in range(file.entry["n_pairs"]):
            image = frames.resize_image(arrays[kind][index], long_side)
            resized.append(image)
            points = torch.from_numpy(frames.to_model_frame(arrays["points"][index], size, long_side)).float()[None]
            labels = torch.from_numpy(arrays["labels"][index])[None]
            with torch.no_grad():
                embedding, early = model.encode(image)
                sparse, dense = model.prompt_encoder((points, labels), None, None)
            of_kind.append(run_branch(model, embedding, early, sparse, dense, clean=kind == "clear", logit_size=size))
    clear, degraded = joined(outputs["clear"]), joined(outputs["degraded"])
    truth = torch.from_numpy(arrays["gt"]).float()[:, None]
    losses = pair_losses(clear, degraded, truth, file.entry["recipe"], loss_weights(file))
    losses.total.backward()
    return Step(file, arrays, model, clear, degraded, losses, resized)


def test_the_step_has_the_recorded_losses_statistics_and_gradients() -> None:
    done = step()
    file, arrays = done.file, done.arrays
    stride = file.entry["transformed_stride"]
    file.check("transformed", torch.cat(done.resized)[..., ::stride, ::stride].numpy(), arrays["transformed"])
    for name, value in (
        ("degraded_masks", done.degraded.logits),
        ("degraded_embeddings", done.degraded.fused),
        ("clear_embeddings", done.clear.fused),
        ("degraded_tokens", done.degraded.tokens),
        ("clear_tokens", done.clear.tokens),
        ("focal", done.losses.focal),
        ("dice", done.losses.dice),
        ("token", done.losses.token),
        ("embedding", done.losses.feature),
        ("total", done.losses.total),
    ):
        file.check(name, value.detach().numpy(), arrays[name])
    file.check("clear_masks", (done.clear.logits > frames.MASK_THRESHOLD).numpy(), arrays["clear_masks"])
    state = done.model.state_dict()
    for name, recorded in arrays.items():
        if name.startswith("after_bn__"):
            file.check(name, state[name.removeprefix("after_bn__")].numpy(), recorded)
    gradients = [p.grad for p in done.model.parameters() if p.grad is not None]
    total = torch.linalg.vector_norm(torch.stack([g.norm() for g in gradients]))
    file.check("grad_total_norm", total.numpy(), arrays["grad_total_norm"])

    norms = Recorded.open(SLUG, "robustsam_tiny_grad_norms.json")
    recorded_norms = norms.json()
    parameters = dict(done.model.named_parameters())
    assert set(parameters) == set(recorded_norms)
    for name, recorded in recorded_norms.items():
        gradient = parameters[name].grad
        if recorded is None:
            assert gradient is None or not gradient.any(), f"{name} has a gradient, none was recorded"
        else:
            assert gradient is not None, f"{name} has no gradient"
            norms.check(name, gradient.norm().numpy(), np.float64(recorded))
