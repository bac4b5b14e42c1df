// Brush and eraser on the active object's mask. A stroke is drawn here at once and by the server for good.
const BRUSHES = [3, 5, 8, 14, 22, 34, 52, 80];
const MOST_STEPS = 4000;

function brushing() {
  return S.mode === 'brush' || S.mode === 'erase';
}

// The size is that on screen, so that zooming in gives a finer brush.
function resizeBrush(step) {
  const at = BRUSHES.findIndex((size) => size >= S.brush);
  S.brush = BRUSHES[Math.max(0, Math.min(BRUSHES.length - 1, at + step))];
  say(`Brush ${2 * S.brush} px wide`);
  refreshTools();
  repaint();
}

function beginStroke(view, at, button) {
  const mode = button === 2 || S.mode === 'erase' ? 0 : 1;
  S.stroke = { mode, radius: S.brush / placement(view).scale, path: [...at] };
  dropPreview();
  repaint();
}

// Points closer together than a sixth of the brush add nothing one could see.
function extendStroke(at) {
  const { path, radius } = S.stroke;
  const [x, y] = path.slice(-2);
  if (Math.hypot(at[0] - x, at[1] - y) < radius / 6) return;
  path.push(...at);
  if (path.length >= 2 * MOST_STEPS) endStroke();
}

function endStroke() {
  const stroke = S.stroke;
  S.stroke = null;
  if (!stroke) return;
  const rounded = (value) => Math.round(value * 10) / 10;
  act({ do: 'stroke', mode: stroke.mode, radius: Math.max(0.1, rounded(stroke.radius)), path: stroke.path.map(rounded) });
  say(`${stroke.mode ? 'Painted' : 'Erased'} with a brush ${2 * S.brush} px wide`);
}

function dropStroke() {
  S.stroke = null;
  repaint();
}

function paintStrokes(context, place) {
  const object = current();
  if (!object) return;
  const strokes = unconfirmed().filter((action) => action.do === 'stroke');
  if (S.stroke) strokes.push(S.stroke);
  for (const { mode, radius, path } of strokes) {
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.lineWidth = 2 * radius * place.scale;
    context.globalAlpha = mode ? TINT_ALPHA : 0.6;
    context.strokeStyle = mode ? object.color : '#ffffff';
    context.beginPath();
    context.moveTo(path[0] * place.scale + place.x, path[1] * place.scale + place.y);
    context.lineTo(path[0] * place.scale + place.x + 0.01, path[1] * place.scale + place.y);
    for (let i = 2; i < path.length; i += 2) context.lineTo(path[i] * place.scale + place.x, path[i + 1] * place.scale + place.y);
    context.stroke();
    context.globalAlpha = 1;
  }
}

function paintBrush(context, place) {
  const at = S.hover || S.cursor;
  if (!at) return;
  for (const [color, width] of [['rgba(0,0,0,0.7)', 3], ['#ffffff', 1.5]]) {
    context.beginPath();
    context.arc(at[0] * place.scale + place.x, at[1] * place.scale + place.y, S.brush, 0, 2 * Math.PI);
    context.setLineDash(S.mode === 'erase' ? [4, 3] : []);
    context.lineWidth = width;
    context.strokeStyle = color;
    context.stroke();
  }
  context.setLineDash([]);
}
