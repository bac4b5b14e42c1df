// A small canvas to draw on: lines and two dots for the path-following task, strokes of colour for the room. Drawings
// are in pixels of the picture, the first pixel's centre at (0.5, 0.5). element, trigger, props and watch: gradio.
const root = element.querySelector('.pd');
const { task, side, palette } = JSON.parse(root.dataset.settings);
const CUT = 5;
const KEPT = `vitrine.pelk.${task}`;
const D = { told: {}, image: null, strokes: [], dots: [], paints: [], past: [], tool: task === 'pathfinder' ? 'line' : 'paint', color: palette[0] ? palette[0][0] : '#000000', width: 4, line: null, drag: -1, cursor: null, seq: 0, chain: Promise.resolve() };
const path = task === 'pathfinder';
const button = (name, label, title) => `<button type="button" class="v-button" data-do="${name}" title="${title}">${label}</button>`;
const tools = path
  ? button('line', 'Line', 'Draw a curve; it is broken into dashes') + button('cut', 'Cut', 'Take away dashes under the pointer') + button('dot', 'Dots', 'Drag a dot, or click where it should go')
  : button('paint', 'Paint', 'Paint with the chosen colour') + button('pick', 'Pick colour', 'Take a colour from the picture');
const swatches = palette.map(([color, name]) => `<button type="button" class="pd-swatch" data-color="${color}" title="${name}" aria-label="${name}" style="background:${color}"></button>`).join('');
const wide = path ? '' : `<div class="pd-colors" role="group" aria-label="Colours">${swatches}<label>Width <input type="range" class="pd-width" min="1" max="24" value="4" aria-label="Brush width in pixels"></label></div>`;
root.innerHTML = `<div class="pd-tools" role="toolbar" aria-label="Drawing">${tools}${button('undo', 'Undo', 'Undo (z)')}${button('clear', path ? 'Clear' : 'Clear strokes', 'Start over')}</div>${wide}
  <canvas class="pd-canvas" width="${side * 5}" height="${side * 5}" tabindex="0" role="img"></canvas>
  <p class="pk-under">${path ? 'Draw curves and put both dots on their ends; the question is whether one curve joins them.' : 'Paint on the room: give a board posts, end a panel in a sill, take the lamp away.'} Keyboard: arrows move, Enter starts and ends a stroke, z undoes.</p>`;
const canvas = root.querySelector('canvas');
const context = canvas.getContext('2d');
const SCALE = canvas.width / side;

const picture = (src) => new Promise((done, failed) => {
  const image = new Image();
  image.onload = () => done(image);
  image.onerror = () => failed(new Error('a picture from the server cannot be read'));
  image.src = src;
});

function tooled() {
  root.querySelectorAll('[data-do]').forEach((one) => { if (['line', 'cut', 'dot', 'paint', 'pick'].includes(one.dataset.do)) one.setAttribute('aria-pressed', String(one.dataset.do === D.tool)); });
  root.querySelectorAll('[data-color]').forEach((one) => one.setAttribute('aria-pressed', String(one.dataset.color === D.color)));
}

function remember() {
  D.past.push(JSON.stringify({ strokes: D.strokes, dots: D.dots, paints: D.paints }));
  if (D.past.length > 60) D.past.shift();
}

function send() {
  D.seq += 1;
  const work = path ? { strokes: D.strokes, dots: D.dots } : { paints: D.paints, seed: D.told.seed };
  localStorage.setItem(KEPT, JSON.stringify(work));
  trigger('act', { ...work, seq: D.seq });
}

function stroke(points, style, width, dash = []) {
  if (!points.length) return;
  Object.assign(context, { strokeStyle: style, lineWidth: width * SCALE, lineCap: 'round', lineJoin: 'round' });
  context.setLineDash(dash);
  context.beginPath();
  points.forEach(([x, y], i) => context[i ? 'lineTo' : 'moveTo'](x * SCALE, y * SCALE));
  context.stroke();
}

function draw() {
  context.imageSmoothingEnabled = false;
  context.fillStyle = '#000000';
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (D.image) context.drawImage(D.image, 0, 0, canvas.width, canvas.height);
  if (D.line) stroke(D.line, path ? '#56b4e9' : D.color, path ? 1.2 : D.width);
  if (path) {
    D.dots.forEach(([x, y]) => {
      Object.assign(context, { strokeStyle: '#e69f00', lineWidth: 2 });
      context.setLineDash([]);
      context.beginPath();
      context.arc(x * SCALE, y * SCALE, 4.4 * SCALE, 0, 7);
      context.stroke();
    });
  }
  if (D.cursor) {
    const [x, y] = D.cursor.map((place) => place * SCALE);
    Object.assign(context, { strokeStyle: '#d55e00', lineWidth: 2 });
    context.setLineDash([]);
    context.beginPath();
    context.moveTo(x - 9, y); context.lineTo(x + 9, y); context.moveTo(x, y - 9); context.lineTo(x, y + 9);
    context.stroke();
  }
}

const place = (event) => {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top].map((at, axis) => Math.round(100 * Math.min(side, Math.max(0, (at / [box.width, box.height][axis]) * side))) / 100);
};
const far = ([a, b], [c, d]) => Math.hypot(a - c, b - d);

// Dashes under the pointer go; what is left of a line becomes two.
function cut(at) {
  const left = [];
  D.strokes.forEach((points) => {
    let part = [];
    finer(points).forEach((point) => {
      if (far(point, at) > CUT) { part.push(point); return; }
      if (part.length > 1) left.push(part);
      part = [];
    });
    if (part.length > 1) left.push(part);
  });
  D.strokes = left;
}

function finer(points) {
  const made = [points[0]];
  for (let i = 1; i < points.length; i += 1) {
    const steps = Math.max(1, Math.ceil(far(points[i - 1], points[i]) / 3));
    for (let k = 1; k <= steps; k += 1) made.push([0, 1].map((axis) => points[i - 1][axis] + ((points[i][axis] - points[i - 1][axis]) * k) / steps));
  }
  return made.map((point) => point.map((value) => Math.round(100 * value) / 100));
}

function nearestDot(at) {
  if (D.dots.length < 2) return D.dots.length;
  return far(D.dots[0], at) <= far(D.dots[1], at) ? 0 : 1;
}

function pick(at) {
  const [x, y] = at.map((value) => Math.min(canvas.width - 1, Math.floor(value * SCALE)));
  const [r, g, b] = context.getImageData(x, y, 1, 1).data;
  D.color = `#${[r, g, b].map((value) => value.toString(16).padStart(2, '0')).join('')}`;
  D.tool = 'paint';
  tooled();
}

function begin(at) {
  if (D.tool === 'pick') { pick(at); return; }
  remember();
  if (D.tool === 'dot') { D.drag = nearestDot(at); D.dots[D.drag] = at; } else D.line = [at];
  if (D.tool === 'cut') cut(at);
  draw();
}

function move(at) {
  if (D.drag >= 0) D.dots[D.drag] = at;
  else if (D.line && far(D.line[D.line.length - 1], at) >= 0.8) {
    if (D.tool === 'cut') cut(at);
    D.line.push(at);
  } else return;
  draw();
}

function end() {
  if (D.drag < 0 && !D.line) return;
  const line = D.line;
  D.line = null;
  D.drag = -1;
  if (line && D.tool === 'line') {
    if (line.length < 2) { D.past.pop(); draw(); return; }
    D.strokes.push(line);
  }
  if (line && D.tool === 'paint') D.paints.push({ color: D.color, width: D.width, path: line.length > 1 ? line : [line[0], line[0]] });
  if (!path || D.dots.length === 2) send();
  draw();
}

canvas.addEventListener('pointerdown', (event) => { if (event.button) return; canvas.setPointerCapture(event.pointerId); D.cursor = null; begin(place(event)); });
canvas.addEventListener('pointermove', (event) => move(place(event)));
canvas.addEventListener('pointerup', end);
canvas.addEventListener('pointercancel', end);
canvas.addEventListener('keydown', (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (step) {
    D.cursor = (D.cursor || [side / 2, side / 2]).map((value, axis) => Math.min(side, Math.max(0, value + 2 * step[axis])));
    move(D.cursor);
    draw();
  } else if (event.key === 'Enter' && D.cursor) {
    if (D.line || D.drag >= 0) end(); else begin([...D.cursor]);
  } else if (event.key === 'z') undo();
  else return;
  event.preventDefault();
});

function undo() {
  const before = D.past.pop();
  if (!before) return;
  Object.assign(D, JSON.parse(before));
  if (!path || D.dots.length === 2) send();
  draw();
}

root.addEventListener('click', (event) => {
  const one = event.target.closest('[data-do], [data-color]');
  if (!one) return;
  if (one.dataset.color) { D.color = one.dataset.color; D.tool = 'paint'; } else if (one.dataset.do === 'undo') undo();
  else if (one.dataset.do === 'clear') {
    remember();
    Object.assign(D, { strokes: [], paints: [] });
    if (path && D.dots.length < 2) D.dots = [[24, 48], [72, 48]];
    send();
  } else D.tool = one.dataset.do;
  tooled();
});
if (!path) root.querySelector('.pd-width').addEventListener('input', (event) => { D.width = Number(event.target.value); });

async function take(told) {
  if (!told || !told.image) return;
  const other = told.sample !== D.told.sample;
  if (!other && (told.seq || 0) < D.seq) return;
  D.image = await picture(told.image);
  if (other) Object.assign(D, { past: [], seq: told.seq || 0 });
  D.told = told;
  if (!D.line && D.drag < 0) Object.assign(D, path ? { strokes: told.strokes || [], dots: told.dots || [] } : { paints: told.paints || [] });
  canvas.setAttribute('aria-label', told.alt || 'Picture to draw on');
  draw();
}

const next = () => { D.chain = D.chain.then(() => take(props.value)).catch((problem) => console.error('drawing:', problem)); };
watch('value', next);
next();
tooled();
try {
  const kept = JSON.parse(localStorage.getItem(KEPT));
  if (kept) trigger('act', { ...kept, seq: 0 });
} catch (problem) { localStorage.removeItem(KEPT); }
