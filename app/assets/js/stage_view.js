// Drawing: every view shows the same part of the photo, with its own mask.
const ADD_COLOR = '#009E73';
const REMOVE_COLOR = '#D55E00';
let painting = 0;

function repaint() {
  if (!painting) painting = requestAnimationFrame(() => { painting = 0; S.views.forEach(paint); });
}

function fit() {
  S.zoom = 1;
  if (S.photo) S.center = [S.photo.width / 2, S.photo.height / 2];
  resize();
}

function visible(view) {
  return S.shown.includes(view.key) && (S.layout === 'all' || S.layout === view.key);
}

// The large views take the photo's shape within half the window; the difference map in the overview is smaller.
function resize() {
  const ratio = S.photo ? S.photo.width / S.photo.height : 1.5;
  const room_height = window.innerHeight;
  const overview = S.layout === 'all';
  for (const view of S.views) {
    const small = overview && view.kind === 'difference';
    const most = room_height * (small ? 0.2 : overview ? 0.36 : 0.66);
    const wanted = view.canvas.clientWidth / ratio;
    view.canvas.style.height = `${Math.round(Math.max(small ? 150 : 220, Math.min(most, wanted)))}px`;
  }
  touchAction();
  repaint();
}

// One finger scrolls the page unless it moves the zoomed photo or paints.
function touchAction() {
  root.style.setProperty('--stage-touch', S.zoom > 1 || brushing() ? 'none' : 'pan-y');
}

function placement(view) {
  // The exact size, which may lie between whole pixels: rounding it would shift clicks at the far edge.
  const { width, height } = view.canvas.getBoundingClientRect();
  const scale = Math.min(width / S.photo.width, height / S.photo.height) * S.zoom;
  return { scale, x: width / 2 - S.center[0] * scale, y: height / 2 - S.center[1] * scale, width, height };
}

function paint(view) {
  const { canvas } = view;
  if (!S.photo || !canvas.clientWidth) return;
  const place = placement(view);
  const ratio = window.devicePixelRatio || 1;
  const wide = Math.round(place.width * ratio);
  const high = Math.round(place.height * ratio);
  if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
  const context = canvas.getContext('2d');
  context.setTransform(wide / place.width, 0, 0, high / place.height, 0, 0);
  context.clearRect(0, 0, place.width, place.height);
  context.imageSmoothingEnabled = place.scale * (S.photo.width / S.photo.image.naturalWidth) < 4;
  context.drawImage(S.photo.image, place.x, place.y, S.photo.width * place.scale, S.photo.height * place.scale);
  if (view.kind === 'difference') paintDifference(context, view, place);
  else S.doc.objects.forEach((object) => paintMask(context, view, object, place));
  paintStrokes(context, place);
  paintPreview(context, view, place);
  paintPrompts(context, place, view.kind !== 'difference');
  if (brushing()) paintBrush(context, place); else paintCross(context, place);
}

function inMaskPixels(context, mask, place, draw) {
  context.save();
  context.translate(place.x, place.y);
  const scale = (S.photo.width * place.scale) / mask.width;
  context.scale(scale, (S.photo.height * place.scale) / mask.height);
  draw(scale);
  context.restore();
}

function paintMask(context, view, object, place) {
  const mask = (S.masks.get(object.key) || {})[view.key];
  if (object.hidden || !mask) return;
  inMaskPixels(context, mask, place, (scale) => {
    context.globalAlpha = TINT_ALPHA;
    context.drawImage(tinted(mask, object.color), 0, 0);
    context.globalAlpha = 1;
    context.lineCap = 'square';
    context.strokeStyle = '#ffffff';
    context.lineWidth = 3.5 / scale;
    if (object.id === S.doc.active) context.stroke(mask.outline);
    context.strokeStyle = object.color;
    context.lineWidth = 2 / scale;
    context.stroke(mask.outline);
  });
}

function paintDifference(context, view, place) {
  const object = current();
  const masks = object && S.masks.get(object.key);
  const [first, second] = view.pair.map((key) => masks && masks[key]);
  context.fillStyle = root.closest('.dark') ? 'rgba(20,23,27,0.55)' : 'rgba(255,255,255,0.55)';
  context.fillRect(place.x, place.y, S.photo.width * place.scale, S.photo.height * place.scale);
  if (!first || !second || object.hidden) return;
  inMaskPixels(context, first, place, () => context.drawImage(difference(first, second, view.legend.map((l) => l[1])), 0, 0));
}

function paintPrompts(context, place, large) {
  const object = current();
  if (!object) return;
  const toScreen = (x, y) => [x * place.scale + place.x, y * place.scale + place.y];
  if (object.box) paintBox(context, toScreen(object.box[0], object.box[1]), toScreen(object.box[2], object.box[3]), object.color);
  const tip = S.hover || S.cursor;
  if (S.corner && tip) paintBox(context, toScreen(...S.corner), toScreen(...tip), object.color);
  const size = large ? 7 : 4;
  object.points.forEach(([x, y, label]) => paintPoint(context, toScreen(x, y), label, size, false));
  unconfirmed().filter((action) => action.do === 'point').forEach(({ x, y, label }) => paintPoint(context, toScreen(x, y), label, size, true));
}

function paintBox(context, [ax, ay], [bx, by], color) {
  context.setLineDash([]);
  context.lineWidth = 4;
  context.strokeStyle = 'rgba(255,255,255,0.9)';
  context.strokeRect(ax, ay, bx - ax, by - ay);
  context.lineWidth = 2;
  context.setLineDash([6, 4]);
  context.strokeStyle = color;
  context.strokeRect(ax, ay, bx - ax, by - ay);
  context.setLineDash([]);
}

// A disc with plus or minus, so that the two kinds differ by shape as well as by colour.
function paintPoint(context, [x, y], label, size, pending) {
  context.beginPath();
  context.arc(x, y, size + 1.5, 0, 2 * Math.PI);
  context.fillStyle = '#ffffff';
  context.fill();
  context.beginPath();
  context.arc(x, y, size, 0, 2 * Math.PI);
  context.fillStyle = label ? ADD_COLOR : REMOVE_COLOR;
  context.fill();
  context.strokeStyle = '#ffffff';
  context.lineWidth = 1.6;
  context.beginPath();
  context.moveTo(x - size * 0.55, y);
  context.lineTo(x + size * 0.55, y);
  if (label) { context.moveTo(x, y - size * 0.55); context.lineTo(x, y + size * 0.55); }
  context.stroke();
  if (!pending) return;
  context.beginPath();
  context.arc(x, y, size + 5, 0, 2 * Math.PI);
  context.strokeStyle = label ? ADD_COLOR : REMOVE_COLOR;
  context.stroke();
}

function paintCross(context, place) {
  const at = S.hover || S.cursor;
  if (!at) return;
  const x = Math.round(at[0] * place.scale + place.x) + 0.5;
  const y = Math.round(at[1] * place.scale + place.y) + 0.5;
  for (const [color, shift] of [['rgba(0,0,0,0.55)', 1], ['rgba(255,255,255,0.85)', 0]]) {
    context.strokeStyle = color;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(place.x, y + shift);
    context.lineTo(place.x + S.photo.width * place.scale, y + shift);
    context.moveTo(x + shift, place.y);
    context.lineTo(x + shift, place.y + S.photo.height * place.scale);
    context.stroke();
  }
}
