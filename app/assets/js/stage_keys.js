// Everything the mouse can do, from the keyboard, while a picture of the stage has the focus.
const STEP_PX = 10;

function moveCursor(view, dx, dy, event) {
  const { scale } = placement(view);
  const step = event.ctrlKey || event.metaKey ? 1 : STEP_PX / scale;
  const from = S.cursor || S.hover || S.center;
  S.hover = null;
  S.cursor = [
    Math.max(0, Math.min(S.photo.width - 1, from[0] + dx * step)),
    Math.max(0, Math.min(S.photo.height - 1, from[1] + dy * step)),
  ];
  say(`Cursor at ${Math.round(S.cursor[0])}, ${Math.round(S.cursor[1])}`);
  repaint();
}

function cancelAll() {
  if (S.stroke) dropStroke();
  else if (S.corner || S.mode !== 'add') {
    S.corner = null;
    setMode('add');
  } else {
    const button = document.querySelector(`#room-${room} .v-cancel:not([disabled])`);
    if (button) button.click();
  }
}

const KEYS = {
  ArrowLeft: (view, event) => moveCursor(view, -1, 0, event),
  ArrowRight: (view, event) => moveCursor(view, 1, 0, event),
  ArrowUp: (view, event) => moveCursor(view, 0, -1, event),
  ArrowDown: (view, event) => moveCursor(view, 0, 1, event),
  Enter: (view, event) => {
    const at = S.cursor || S.hover || S.center;
    if (!brushing()) press(at, event.shiftKey ? 2 : 0);
    else { beginStroke(view, at, event.shiftKey ? 2 : 0); endStroke(); }
  },
  z: () => act({ do: 'undo' }),
  y: () => act({ do: 'redo' }),
  c: () => act({ do: 'clear' }),
  n: () => act({ do: 'new' }),
  b: () => setMode(S.mode === 'box' ? 'add' : 'box'),
  d: () => setMode(S.mode === 'brush' ? 'add' : 'brush'),
  e: () => setMode(S.mode === 'erase' ? 'add' : 'erase'),
  p: togglePreviews,
  r: () => toggleObject('refine'),
  '[': () => resizeBrush(-1),
  ']': () => resizeBrush(1),
  ' ': () => holdSpace(true),
  '+': (view) => zoomTo(S.zoom * 1.4, view),
  '=': (view) => zoomTo(S.zoom * 1.4, view),
  '-': (view) => zoomTo(S.zoom / 1.4, view),
  0: () => { fit(); refreshTools(); },
  Escape: cancelAll,
};

function listenKeys(view) {
  view.canvas.addEventListener('keydown', (event) => {
    view.canvas.classList.remove('by-pointer');
    if (!S.photo || event.altKey) return;
    let name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const command = event.ctrlKey || event.metaKey;
    if (command && name === 'z' && event.shiftKey) name = 'y';
    if (command && !name.startsWith('Arrow') && name !== 'z' && name !== 'y') return;
    const handler = KEYS[name];
    if (!handler) return;
    event.preventDefault();
    event.stopPropagation();
    handler(view, event);
  });
  view.canvas.addEventListener('keyup', (event) => { if (event.key === ' ') holdSpace(false); });
  view.canvas.addEventListener('blur', () => { S.cursor = null; holdSpace(false); repaint(); });
}
