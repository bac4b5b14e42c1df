"""A room and its movers as one scene, without building the room's ray structure again for every frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.worlds.assemble import SceneBuilder
from models.worlds.movers import Mover
from models.worlds.raycast import F32, Hits, Scene
from models.worlds.room import RoomScene
from models.worlds.textures import TexturePool


class _JoinedPool(TexturePool):
    """Two pools side by side, the second one's textures numbered on; a room's texels are not copied."""

    def __init__(self, first: TexturePool, second: TexturePool) -> None:
        self._pools = (first, second)
        self.shift = len(first.first)
        self.cut_out = np.concatenate([first.cut_out[:-1], second.cut_out])
        self.side = np.concatenate([first.side, second.side])

    def sample(self, texture: NDArray[np.int64], uv: F32, lod: F32) -> F32:
        """As in TexturePool, each texture from the pool it belongs to."""
        out = np.empty((len(texture), 4), np.float32)
        late = texture >= self.shift
        for pool, mine, start in ((self._pools[0], ~late, 0), (self._pools[1], late, self.shift)):
            if mine.any():
                out[mine] = pool.sample(texture[mine] - start, uv[mine], lod[mine])
        return out


class JoinedScene(Scene):
    """Faces of a room followed by those of movers; instances above `first_mover` are movers, numbered on."""

    def __init__(self, scene: RoomScene, movers: Sequence[Mover]) -> None:
        added = SceneBuilder()
        for mover in movers:
            added.add_model(mover.model, mover.turn, 1.0, mover.place)
        room, other = scene.scene, added.build()
        self.pool = _JoinedPool(room.pool, other.pool)
        shift = self.pool.shift
        self.first_mover = len(scene.instances)
        self.triangles = np.concatenate([room.triangles, other.triangles])
        self.normals = np.concatenate([room.normals, other.normals])
        self.uv = np.concatenate([room.uv, other.uv])
        self.surface = np.concatenate([room.surface, other.surface + np.int32(len(room.surfaces))])
        self.instance = np.concatenate([room.instance, other.instance + np.int32(self.first_mover)])
        self.part = np.concatenate([room.part, other.part + np.int32(len(scene.part_names))])
        self.surfaces = [*room.surfaces, *other.surfaces]
        for name in ("diffuse", "specular", "shininess", "opacity", "metal", "texel_density"):
            setattr(self, name, np.concatenate([getattr(room, name), getattr(other, name)]))
        self.texture = np.concatenate([room.texture, np.where(other.texture >= 0, other.texture + shift, -1)])
        self._room, self._movers = room, other
        self._start = np.int32(len(room.triangles))
        self._hidden = np.array([mover.unseen for mover in movers], bool)[other.instance - 1]

    def intersect(self, origins: F32, directions: F32) -> Hits:
        """The first face on each ray, movers that cameras do not see left out."""
        best = self._room.intersect(origins, directions)
        if self._hidden.all():
            return best
        near = self._movers.intersect(origins, directions)
        hit = (near.face >= 0) & (near.t < best.t) & ~self._hidden[np.maximum(near.face, 0)]
        best.t[hit], best.u[hit], best.v[hit] = near.t[hit], near.u[hit], near.v[hit]
        best.face[hit] = near.face[hit] + self._start
        return best

    def shows_mover(self, origins: F32, directions: F32) -> NDArray[np.bool_]:
        """Whether the first face on each ray is one of a mover. Quicker than `intersect`: the room is asked only where
        a mover is met. Cut-out textures of movers count as solid."""
        near = self._movers.intersect(origins, directions)
        shown = (near.face >= 0) & ~self._hidden[np.maximum(near.face, 0)]
        where = np.flatnonzero(shown)
        if len(where):
            shown[where] = self._room.intersect(origins[where], directions[where]).t > near.t[where]
        return shown

    def blocked(self, origins: F32, directions: F32, limit: F32 | None = None) -> NDArray[np.bool_]:
        """Whether something solid of the room or of any mover lies on each ray, closer than `limit` (N,)."""
        shaded = self._room.blocked(origins, directions, limit)
        shaded |= self._movers.blocked(origins, directions, limit)
        return shaded
