// Mouse, pen and touch: click adds, right click removes, drag moves or paints, wheel and pinch zoom. The middle button and
// the space bar move the photo in every mode.
const DRAG_PX = 4;
const CLOSEST_ZOOM = 24;
const pointers = new Map();
let pressed = null;
let pinch = null;
let spaceHeld = false;

function toPhoto(view, event) {
  const frame = view.canvas.getBoundingClientRect();
  const place = placement(view);
  return [(event.clientX - frame.left - place.x) / place.scale, (event.clientY - frame.top - place.y) / place.scale];
}

function inside([x, y]) {
  return S.photo && x >= 0 && y >= 0 && x < S.photo.width && y < S.photo.height;
}

const hundredth = (value) => Math.floor(value * 100) / 100;

function prompt(at, label) {
  const [x, y] = at.map(hundredth);
  act({ do: 'point', x, y, label });
  say(`${label ? 'Added' : 'Removed at'} ${Math.round(x)}, ${Math.round(y)}`);
}

function corner(at) {
  if (!S.corner) {
    S.corner = at.map(hundredth);
    say('First corner set. Set the opposite corner.');
  } else {
    const [x0, y0] = S.corner;
    const [x1, y1] = at.map(hundredth);
    S.corner = null;
    act({ do: 'box', x0, y0, x1, y1 });
    setMode('add');
  }
  repaint();
}

function press(at, button) {
  if (!inside(at)) return;
  if (button === 2) prompt(at, 0);
  else if (S.mode === 'box') corner(at);
  else prompt(at, S.mode === 'remove' ? 0 : 1);
}

function zoomTo(zoom, view, event) {
  if (!S.photo) return;
  const before = event ? toPhoto(view, event) : S.center;
  S.zoom = Math.max(1, Math.min(CLOSEST_ZOOM, zoom));
  if (event) {
    const after = toPhoto(view, event);
    S.center = S.center.map((c, i) => c + before[i] - after[i]);
  }
  dropPreview();
  keepInSight();
  touchAction();
  refreshTools();
  repaint();
}

function keepInSight() {
  if (S.zoom === 1) S.center = [S.photo.width / 2, S.photo.height / 2];
  S.center = [
    Math.max(0, Math.min(S.photo.width, S.center[0])),
    Math.max(0, Math.min(S.photo.height, S.center[1])),
  ];
}

function listenPointer(view) {
  const { canvas } = view;
  canvas.addEventListener('contextmenu', (event) => event.preventDefault());
  canvas.addEventListener('wheel', (event) => {
    event.preventDefault();
    zoomTo(S.zoom * Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), view, event);
  }, { passive: false });
  canvas.addEventListener('pointerdown', (event) => {
    if (!S.photo) return;
    if (event.button === 1) event.preventDefault();
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    canvas.setPointerCapture(event.pointerId);
    canvas.classList.add('by-pointer');
    canvas.focus({ preventScroll: true });
    dropPreview();
    const moves = event.button === 1 || spaceHeld;
    pressed = { x: event.clientX, y: event.clientY, center: S.center, button: event.button, moved: false, moves };
    pinch = pointers.size === 2 ? { apart: apart(), zoom: S.zoom, middle: middle() } : null;
    if (pinch) dropStroke();
    else if (brushing() && !moves && !S.loading) beginStroke(view, toPhoto(view, event), event.button);
    showCursor();
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!S.photo) return;
    if (pointers.has(event.pointerId)) pointers.set(event.pointerId, [event.clientX, event.clientY]);
    const at = toPhoto(view, event);
    S.hover = event.pointerType !== 'touch' && (inside(at) || brushing()) ? at : null;
    if (S.hover) S.cursor = null;
    if (pinch && pointers.size === 2) pinched(view);
    else if (S.stroke) (event.getCoalescedEvents ? event.getCoalescedEvents() : [event]).forEach((one) => { if (S.stroke) extendStroke(toPhoto(view, one)); });
    else if (pressed) drag(view, event);
    previewAt(view, event, at);
    repaint();
  });
  canvas.addEventListener('pointerup', (event) => {
    const click = pressed && !pressed.moved && !pressed.moves && !pinch && !S.stroke && !brushing();
    const button = pressed ? pressed.button : 0;
    release(event);
    if (S.stroke) endStroke();
    if (click) press(toPhoto(view, event), button);
  });
  canvas.addEventListener('pointercancel', (event) => { release(event); dropStroke(); });
  canvas.addEventListener('pointerleave', () => { S.hover = null; dropPreview(); repaint(); });
}

function middle() {
  const [[ax, ay], [bx, by]] = [...pointers.values()];
  return { clientX: (ax + bx) / 2, clientY: (ay + by) / 2 };
}

// Two fingers: their distance zooms about the point between them, which moves the photo along.
function pinched(view) {
  const now = middle();
  const { scale } = placement(view);
  S.center = [S.center[0] - (now.clientX - pinch.middle.clientX) / scale, S.center[1] - (now.clientY - pinch.middle.clientY) / scale];
  pinch.middle = now;
  zoomTo((pinch.zoom * apart()) / pinch.apart, view, now);
}

function holdSpace(held) {
  spaceHeld = held;
  showCursor();
}

function showCursor() {
  const moving = pressed && (pressed.moves || (pressed.moved && !brushing()));
  root.dataset.cursor = moving ? 'moving' : spaceHeld ? 'move' : brushing() ? 'brush' : 'cross';
}

function apart() {
  const [[ax, ay], [bx, by]] = [...pointers.values()];
  return Math.max(1, Math.hypot(ax - bx, ay - by));
}

function drag(view, event) {
  const [dx, dy] = [event.clientX - pressed.x, event.clientY - pressed.y];
  if (Math.hypot(dx, dy) > DRAG_PX) pressed.moved = true;
  showCursor();
  if (!pressed.moved || S.zoom === 1) return;
  const { scale } = placement(view);
  S.center = [pressed.center[0] - dx / scale, pressed.center[1] - dy / scale];
  keepInSight();
}

function release(event) {
  pointers.delete(event.pointerId);
  if (!pointers.size) { pressed = null; pinch = null; } else if (pressed) pressed.moved = true;
  showCursor();
}
