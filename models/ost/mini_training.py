"""How ost-mini is trained, by elapsed time: frames with captions (stage 1), then OST itself on seen actions (stage 2).

    launch.py train ost                              # packs, then both stages; goes on where it was stopped
    python -m models.ost.shipping                    # puts the result where the room reads it

Stage 1: contrastive, with every caption that holds of a frame as a positive, plus `mini.Guides`. Stage 2: the paper's
loss. Both leave a file of float16 weights in the folder.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.ost import data
from models.ost.data import FOLDER, Pack, joined, open_or_none, open_pack, random_actions
from models.ost.frames import normalised
from models.ost.mini import MINI, Guides, folded, fresh, quickened, tower_of
from models.ost.network import loss as ost_loss
from models.ost.network import training_logits
from models.ost.weights import BASE_FILE, TOKENS_FILE
from models.parts.bpe import BytePairs, train_bpe
from models.parts.clip import ClipLike
from models.parts.clip_tokens import tokenise
from models.parts.problems import BadInput
from models.parts.video_sampling import training_indices
from models.worlds.figures_actions import SEEN_ACTIONS, Action, spatial_descriptors, temporal_descriptors
from models.worlds.figures_truth import claim_row, label_of, truths
from models.worlds.figures_words import NAMED_TEMPLATE, caption, invented_names

CAPTIONS = 20_000
"""Captions that the tokeniser is made of."""
Rng = np.random.Generator
Say = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """Minutes and sizes of a stage. ``clips`` and ``length``: clips in a batch and frames of each (stage 2)."""

    minutes: float
    rate: float
    batch: int = 128
    clips: int = 10
    length: int = 12
    warmup: int = 100
    decay: float = 0.02


STAGE_1 = Recipe(54.0, 2e-3)
STAGE_2 = Recipe(11.0, 1e-4, warmup=30, decay=1e-3)
"""What trained the shipped weights."""


def tokeniser_of(folder: Path, seed: int = 5) -> BytePairs:
    """The tokeniser of the captions: trained once on CAPTIONS of them, then read."""
    file = folder / TOKENS_FILE
    if not file.exists():
        rng = np.random.default_rng(seed)
        rows = open_pack(folder / "frames0").rows
        names = [*(action.name for action in SEEN_ACTIONS), *invented_names(rng, 200)]
        chosen = rng.integers(len(rows), size=CAPTIONS)
        train_bpe([caption(label_of(rows[i]), rng, names).text for i in chosen], MINI.vocabulary).save(file)
    return BytePairs.load(file)


def pictures_of(frames: NDArray[np.uint8], generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """frames (B, H, W, 3) -> normalised (B, 3, H, W); with a generator varied: light, mirrored, cut a little.

    Also what happened to places: (B, 3) mirrored or not, and the cut's scale and offset, for points in shares.
    """
    images = normalised(np.ascontiguousarray(frames))
    count, side = len(images), images.shape[-1]
    change = torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat(count, 1)
    if generator is None:
        return images, change
    gain = 1 + 0.12 * torch.randn(count, 3, 1, 1, generator=generator)
    images = images * gain + 0.15 * torch.randn(count, 3, 1, 1, generator=generator)
    mirror = torch.rand(count, generator=generator) < 0.5
    images[mirror] = images[mirror].flip(-1)
    change[:, 0] = mirror.float()
    if float(torch.rand((), generator=generator)) < 0.7:
        kept = int(torch.randint(int(0.84 * side), side, (), generator=generator))
        top, left = (int(torch.randint(0, side - kept + 1, (), generator=generator)) for _ in range(2))
        cut = images[:, :, top : top + kept, left : left + kept]
        images = F.interpolate(cut, size=(side, side), mode="bilinear", align_corners=False)
        change[:, 1], change[:, 2], change[:, 3] = side / kept, left / side, top / side
    return images, change


def moved(points: Tensor, change: Tensor) -> Tensor:
    """Points (B, 24, 2) in shares after what `pictures_of` did."""
    across = torch.where(change[:, None, 0] > 0, 1 - points[..., 0], points[..., 0])
    both = torch.stack([across - change[:, None, 2], points[..., 1] - change[:, None, 3]], dim=-1)
    return both * change[:, 1, None, None]


class Run:
    """One stage on its way: model, optimiser, schedule by elapsed time, and a file to go on from."""

    def __init__(self, folder: Path, name: str, recipe: Recipe, model: ClipLike, extra: Sequence[torch.nn.Module] = ()):
        self.file = folder / f"{name}.pt"
        self.recipe = recipe
        self.model = model
        self.parts = torch.nn.ModuleList([model, *extra])
        self.optimiser = torch.optim.AdamW(
            self.parts.parameters(), recipe.rate, betas=(0.9, 0.98), eps=1e-8, weight_decay=recipe.decay
        )
        self.step, self.spent, self.since = 0, 0.0, time.monotonic()
        if self.file.exists():
            stored = torch.load(self.file, weights_only=True)
            self.parts.load_state_dict(stored["parts"])
            self.optimiser.load_state_dict(stored["optimiser"])
            self.step, self.spent = int(stored["step"]), float(stored["spent"])

    @property
    def elapsed(self) -> float:
        """Seconds of training, those of earlier runs included."""
        return self.spent + time.monotonic() - self.since

    @property
    def told(self) -> str:
        """Where the run is, for the log."""
        return f"step {self.step} {self.elapsed / 60:.1f} min scale {self.model.scale.item():.1f}"

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return self.elapsed >= 60 * self.recipe.minutes

    def save(self) -> None:
        """Everything needed to go on."""
        state: dict[str, Any] = {"parts": self.parts.state_dict(), "optimiser": self.optimiser.state_dict()}
        part = self.file.with_suffix(".part")
        torch.save({**state, "step": self.step, "spent": self.elapsed}, part)
        part.replace(self.file)

    def descend(self, total: Tensor) -> None:
        """One step at the rate of the moment: a linear start, then a half cosine to a hundredth."""
        share = min(1.0, self.elapsed / (60 * self.recipe.minutes))
        scale = min(1.0, (self.step + 1) / self.recipe.warmup) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate * scale
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.parts.parameters(), 1.0)
        self.optimiser.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(100))
        self.step += 1


def contrast(frames: Tensor, texts: Tensor, scale: Tensor, holds: Tensor) -> Tensor:
    """Both directions of a contrastive loss whose positives are all captions that hold.

    frames (B, D), texts (M, D) of unit norm; holds bool (B, M), one True at least in every column. Frames that no
    caption describes do not ask for one.
    """
    logits = scale * frames @ texts.T
    target = holds.float()
    told = target.any(dim=1)
    rows = target[told]
    along = -(torch.log_softmax(logits[told], dim=1) * rows / rows.sum(dim=1, keepdim=True)).sum(dim=1).mean()
    across = -(torch.log_softmax(logits, dim=0) * target / target.sum(dim=0, keepdim=True)).sum(dim=0).mean()
    return 0.5 * (along + across)


def stage_1(folder: Path, recipe: Recipe, say: Say = print, seed: int = 0) -> ClipLike:
    """Frames and captions. Raises BadInput without packs."""
    packs = _frame_packs(folder)
    tokeniser = tokeniser_of(folder)
    model = fresh(seed)
    guides = Guides()
    tower = tower_of(model)
    run = Run(folder, "stage1", recipe, model, [guides])
    rng = np.random.default_rng(seed + run.step)
    generator = torch.Generator().manual_seed(seed + run.step)
    names = [*(action.name for action in SEEN_ACTIONS), *invented_names(rng, 400)]
    saved = time.monotonic()
    opened = len(packs)
    batches = joined(packs, rng, recipe.batch)
    while not run.over:
        frames, rows, points = next(batches)
        images, change = pictures_of(frames, generator)
        # Half as many captions as frames: the truth of each is known for all frames, and texts cost as much as frames.
        captions = [caption(label_of(row), rng, names) for row in rows[: len(rows) // 2]]
        holds = torch.from_numpy(truths(rows, np.array([claim_row(one) for one in captions])))
        holds |= torch.eye(*holds.shape, dtype=torch.bool)
        tokens = torch.from_numpy(tokenise([one.text for one in captions], tokeniser, MINI.context).ids)
        with torch.autocast("cpu", torch.bfloat16):
            cells = tower.cells(images)
            features = tower.read(cells)
            texts = model.encode_text(tokens)
            places = moved(torch.from_numpy(points), change)
            parts = guides.loss(cells, features, places, torch.from_numpy(rows.astype(np.int64)))
        shared = contrast(F.normalize(features.float(), dim=-1), F.normalize(texts.float(), dim=-1), model.scale, holds)
        total = shared + parts["where"] + parts["posture"] + parts["item"]
        run.descend(total)
        if run.step % 50 == 0:
            words = " ".join(f"{name} {value.item():.3f}" for name, value in parts.items())
            say(f"stage 1 {run.told} contrast {shared.item():.3f} {words}")
        if time.monotonic() - saved > 120:
            run.save()
            saved = time.monotonic()
            if len(found := _frame_packs(folder)) > opened:
                opened, batches = len(found), joined(found, rng, recipe.batch)
                say(f"{opened} packs")
    run.save()
    model.eval()
    write_weights(folded(model), folder / BASE_FILE)
    return model


def _frame_packs(folder: Path) -> list[Pack]:
    found = [pack for number in range(64) if (pack := open_or_none(folder / f"frames{number}")) is not None]
    if not found:
        raise BadInput("The training", "finds no pack of frames", "Make them: python -m models.ost.data")
    return found


def clip_batches(
    packs: Sequence[Pack], rng: Rng, clips: int, length: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Batches without end, of every pack equally often: (clips, length, H, W, 3) sampled as the paper trains; classes.

    The classes of a pack begin where those of the pack before end.
    """
    counts = [0 if pack.classes is None else int(pack.classes.max()) + 1 for pack in packs]
    offsets = np.cumsum([0, *counts[:-1]])
    while True:
        frames, classes = [], []
        for place in rng.integers(len(packs), size=clips):
            pack = packs[place]
            assert pack.classes is not None
            number = int(rng.integers(len(pack)))
            frames.append(pack.frames[number][training_indices(pack.frames.shape[1], length, rng)])
            classes.append(int(offsets[place]) + int(pack.classes[number]))
        yield np.stack(frames), np.array(classes, np.int64)


def descriptor_tokens(
    classes: NDArray[np.integer], actions: Sequence[Action], tokeniser: BytePairs, rng: Rng
) -> tuple[Tensor, Tensor]:
    """Freshly worded descriptors of each clip's class: spatial and temporal, int64 (B, 4, context) each."""
    spatial, temporal = [], []
    # Clips of one class share their wording, as they share their row of a descriptor file.
    texts_of = {int(number): actions[number] for number in classes}
    worded = {
        number: (spatial_descriptors(action, rng), temporal_descriptors(action, rng))
        for number, action in texts_of.items()
    }
    for number in map(int, classes):
        action, (cues, steps) = texts_of[number], worded[number]
        spatial += [f"this is a video about {text}" for text in cues]
        temporal += [NAMED_TEMPLATE.format(action.name, text) for text in steps]
    both = (tokenise(texts, tokeniser, MINI.context).ids for texts in (spatial, temporal))
    first, second = (torch.from_numpy(ids).view(len(classes), -1, MINI.context) for ids in both)
    return first, second


def stage_2(folder: Path, recipe: Recipe, model: ClipLike, say: Say = print, seed: int = 1) -> ClipLike:
    """OST's own loss on the seen and the random actions, from a model of stage 1. Raises BadInput without packs."""
    packs = [open_pack(folder / "clips"), open_pack(folder / "clips_random")]
    actions = (*SEEN_ACTIONS, *random_actions())
    tokeniser = tokeniser_of(folder)
    quickened(model).train()
    run = Run(folder, "stage2", recipe, model)
    rng = np.random.default_rng(seed + run.step)
    generator = torch.Generator().manual_seed(seed + run.step)
    batches = clip_batches(packs, rng, recipe.clips, recipe.length)
    saved = time.monotonic()
    while not run.over:
        frames, classes = next(batches)
        images, _ = pictures_of(frames.reshape(-1, *frames.shape[2:]), generator)
        spatial, temporal = descriptor_tokens(classes, actions, tokeniser, rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = training_logits(model, images.view(*frames.shape[:2], *images.shape[1:]), spatial, temporal)
        total = ost_loss(logits, torch.from_numpy(classes))
        run.descend(total)
        if run.step % 25 == 0:
            say(f"stage 2 {run.told} loss {total.item():.3f}")
        if time.monotonic() - saved > 120:
            run.save()
            saved = time.monotonic()
    run.save()
    write_weights(model, folder / "mini.safetensors")
    return model


def write_weights(model: ClipLike, file: Path) -> None:
    """All tensors as float16 under OST's names."""
    from safetensors.torch import save_file

    save_file({name: tensor.to(torch.float16).contiguous() for name, tensor in model.state_dict().items()}, file)


def main(words: Sequence[str] | None = None) -> int:
    """Packs, then both stages, by minutes. --quick: a minute each on few frames, to see that it runs."""
    parser = argparse.ArgumentParser(prog="launch.py train ost", allow_abbrev=False)
    parser.add_argument("--minutes", type=float, nargs=2, metavar=("STAGE1", "STAGE2"), help="default 54 and 11")
    parser.add_argument("--folder", type=Path, help="default runs/ost; with --quick runs/ost_quick")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(words)
    folder = asked.folder or (FOLDER.with_name("ost_quick") if asked.quick else FOLDER)
    first, second = asked.minutes or ((1.0, 1.0) if asked.quick else (STAGE_1.minutes, STAGE_2.minutes))
    torch.set_num_threads(1)
    fewer = ["--frames", "1200", "--clips", "1", "--random-clips", "1"] if asked.quick else []
    data.main(["--folder", str(folder), *fewer])
    model = stage_1(folder, replace(STAGE_1, minutes=first), _said)
    stage_2(folder, replace(STAGE_2, minutes=second), model, _said)
    return 0


def _said(line: str) -> None:
    print(line, flush=True)
