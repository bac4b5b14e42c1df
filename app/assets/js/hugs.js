// The stage of the HuGS room: one or several pictures with overlays, features, a point cloud; a click asks or corrects.
// A message replaces the last one as a whole. element, props, trigger and watch come from gradio.
const root = element.querySelector('.hg');
const H = { told: null, panes: [], chain: Promise.resolve(), turn: [0.6, 0.35], hot: -1 };
const escaped = (text) => { const span = document.createElement('span'); span.textContent = text; return span.innerHTML.replaceAll('"', '&quot;'); };
const CURSORS = { why: 'help', moves: 'crosshair', static: 'crosshair', auto: 'crosshair' };

const picture = (src) => new Promise((done, failed) => {
  const image = new Image();
  image.onload = () => done(image);
  image.onerror = () => failed(new Error('a picture from the server cannot be read'));
  image.src = src;
});

async function labels(src) {
  const image = await picture(src);
  const canvas = Object.assign(document.createElement('canvas'), { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return Uint16Array.from({ length: canvas.width * canvas.height }, (_, i) => pixels[4 * i] + 256 * pixels[4 * i + 1]);
}

async function read(pane) {
  const photo = pane.photo ? await picture(pane.photo) : null;
  const overlay = pane.overlay ? await picture(pane.overlay) : null;
  const looks = await Promise.all((pane.looks || []).map(async ([step, src]) => [step, await picture(src)]));
  const under = pane.compare ? await picture(pane.compare) : null;
  return { ...pane, photo, overlay, looks, under, ids: pane.labels ? await labels(pane.labels) : null };
}

async function take(message) {
  if (!message || typeof message !== 'object') return;
  const shown = document.getElementById('room-hugs').dataset.step;
  if (shown && message.step && shown !== message.step) {
    trigger('act', { do: 'step', step: shown }); // Steps were opened in quick succession and answered in another order.
    return;
  }
  const panes = await Promise.all(message.panes.map(read));
  const same = H.told && H.told.step === message.step && H.panes.length === panes.length;
  const kept = same ? panes.map((_, i) => H.panes[i].look) : [];
  Object.assign(H, { told: message, panes, hot: -1 });
  const shape = panes.find((pane) => pane.photo);
  root.style.setProperty('--hg-ratio', shape ? shape.photo.naturalWidth / shape.photo.naturalHeight : 1);
  const figures = panes.map((pane, index) => {
    pane.look = kept[index] === undefined ? 1 : kept[index];
    const slider = pane.looks.length
      ? `<label class="hg-looks">Snapshot <input type="range" min="0" max="${pane.looks.length}" step="1" value="${pane.looks.length}" data-look="${index}" aria-label="Snapshot of the training"><output>last</output></label>`
      : '';
    const wipe = pane.under
      ? `<label class="hg-looks">Photo <input type="range" min="0" max="1" step="0.01" value="${pane.look}" data-wipe="${index}" aria-label="Share of the radiance field that is shown"> field</label>`
      : '';
    return `<figure data-index="${index}"><figcaption><b>${escaped(pane.title)}</b><span>${escaped(pane.caption || '')}</span></figcaption>
      <div class="hg-picture"><canvas tabindex="${pane.ids ? 0 : -1}" role="img" aria-label="${escaped(pane.title)}, ${escaped(message.frame)}. ${escaped(pane.caption || '')}"></canvas>
      <div class="hg-tip" hidden></div></div>${slider}${wipe}</figure>`;
  }).join('');
  const where = `<div class="hg-where"><button type="button" class="v-button" data-go="-1" aria-label="Previous photo" title="Left arrow">&#8592;</button>
    <span><b>${escaped(message.frame)}</b> ${message.index + 1} of ${message.total}</span>
    <button type="button" class="v-button" data-go="1" aria-label="Next photo" title="Right arrow">&#8594;</button></div>`;
  root.innerHTML = `${panes.length ? where : ''}<div class="hg-panes" data-count="${panes.length}">${figures}</div><div class="hg-side">${message.side || ''}</div>`;
  panes.forEach((pane, index) => {
    pane.canvas = root.querySelector(`figure[data-index="${index}"] canvas`);
    pane.tip = root.querySelector(`figure[data-index="${index}"] .hg-tip`);
    pane.shown = pane.looks.length;
    listen(pane);
  });
  mark(message.index);
  draw();
}

// The film strip shows which photo is on the stage, scrolled to it sideways; the page stays where it is.
function mark(index) {
  document.querySelectorAll('#hugs-film .hg-cell').forEach((cell) => {
    const current = Number(cell.dataset.frame) === index;
    cell.setAttribute('aria-pressed', String(current));
    if (!current) return;
    const film = cell.closest('#hugs-film');
    const [box, strip] = [cell.getBoundingClientRect(), film.getBoundingClientRect()];
    film.scrollLeft += Math.min(0, box.left - strip.left) + Math.max(0, box.right - strip.right);
  });
}

function draw() { H.panes.forEach(drawPane); }

function drawPane(pane) {
  const { canvas } = pane;
  const box = canvas.getBoundingClientRect();
  if (!box.width) return;
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  canvas.width = Math.round(box.width * ratio);
  canvas.height = Math.round(box.height * ratio);
  const context = canvas.getContext('2d');
  if (pane.cloud) { drawCloud(pane, context, ratio); return; }
  const shown = pane.looks.length && pane.shown < pane.looks.length ? pane.looks[pane.shown][1] : pane.photo;
  context.imageSmoothingEnabled = false;
  context.drawImage(shown, 0, 0, canvas.width, canvas.height);
  if (pane.under) {
    const edge = Math.round(canvas.width * (1 - pane.look));
    if (edge > 0) context.drawImage(pane.under, 0, 0, pane.under.naturalWidth * (1 - pane.look), pane.under.naturalHeight, 0, 0, edge, canvas.height);
    if (edge > 0 && edge < canvas.width) { context.fillStyle = '#ffffff'; context.fillRect(edge - ratio, 0, 2 * ratio, canvas.height); }
  }
  if (pane.overlay) context.drawImage(pane.overlay, 0, 0, canvas.width, canvas.height);
  if (pane.points) drawPoints(pane, context, ratio);
  if (pane.ids && H.hot >= 0) drawHot(pane, context);
  if (H.told.asked && pane.ids) drawAsked(pane, context, ratio);
}

function drawPoints(pane, context, ratio) {
  const scale = pane.canvas.width / pane.photo.naturalWidth;
  pane.points.forEach(([x, y, length]) => {
    const speaks = length >= pane.threshold;
    context.beginPath();
    context.arc(x * scale, y * scale, (speaks ? 2.6 : 1.7) * ratio, 0, 2 * Math.PI);
    if (speaks) {
      context.fillStyle = pane.ramp[Math.min(length, pane.ramp.length - 1)];
      context.fill();
      context.lineWidth = 0.8 * ratio;
      context.strokeStyle = '#ffffff';
      context.stroke();
    } else {
      context.lineWidth = ratio;
      context.strokeStyle = length ? '#d55e00' : 'rgba(213, 94, 0, 0.45)';
      context.stroke();
    }
  });
}

function drawHot(pane, context) {
  const width = pane.photo.naturalWidth;
  const height = pane.photo.naturalHeight;
  const layer = Object.assign(document.createElement('canvas'), { width, height });
  const data = new ImageData(width, height);
  for (let i = 0; i < pane.ids.length; i += 1) {
    if (pane.ids[i] !== H.hot) continue;
    const edge = pane.ids[i - 1] !== H.hot || pane.ids[i + 1] !== H.hot || pane.ids[i - width] !== H.hot || pane.ids[i + width] !== H.hot;
    data.data.set([255, 255, 255, edge ? 255 : 70], 4 * i);
  }
  layer.getContext('2d').putImageData(data, 0, 0);
  context.drawImage(layer, 0, 0, pane.canvas.width, pane.canvas.height);
}

function drawAsked(pane, context, ratio) {
  const scale = pane.canvas.width / pane.photo.naturalWidth;
  const [x, y] = H.told.asked.map((value) => (value + 0.5) * scale);
  [['#000000', 4], ['#ffffff', 2]].forEach(([color, width]) => {
    context.strokeStyle = color;
    context.lineWidth = width * ratio;
    context.beginPath();
    context.moveTo(x - 9 * ratio, y); context.lineTo(x + 9 * ratio, y);
    context.moveTo(x, y - 9 * ratio); context.lineTo(x, y + 9 * ratio);
    context.stroke();
  });
}

// Orthographic, y up; the middle of the points is the middle of the picture, and nine tenths of them fit.
function drawCloud(pane, context, ratio) {
  const { cloud, canvas } = pane;
  const dark = Boolean(root.closest('.dark'));
  context.fillStyle = dark ? '#101316' : '#e9ecef';
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (!pane.middle) {
    const sorted = [0, 1, 2].map((axis) => cloud.xyz.map((p) => p[axis]).sort((a, b) => a - b));
    pane.middle = sorted.map((values) => values[values.length >> 1]);
    const far = cloud.xyz.map((p) => Math.hypot(...p.map((v, i) => v - pane.middle[i])));
    const cameras = cloud.cameras.map((c) => Math.hypot(...pane.middle.map((v, i) => c[i] - v)));
    pane.reach = Math.max(far.sort((a, b) => a - b)[Math.floor(0.9 * (far.length - 1))], ...cameras, 1e-6);
  }
  const [yaw, pitch] = H.turn;
  const scale = (0.46 * Math.min(canvas.width, canvas.height)) / pane.reach;
  const put = (p) => {
    const [x, y, z] = [0, 1, 2].map((i) => p[i] - pane.middle[i]);
    const a = x * Math.cos(yaw) + z * Math.sin(yaw);
    const b = -x * Math.sin(yaw) + z * Math.cos(yaw);
    return [canvas.width / 2 + scale * a, canvas.height / 2 - scale * (y * Math.cos(pitch) - b * Math.sin(pitch))];
  };
  cloud.xyz.forEach((p, i) => {
    const [x, y] = put(p);
    context.fillStyle = cloud.ramp[Math.min(cloud.length[i], cloud.ramp.length - 1)];
    context.fillRect(x - ratio, y - ratio, 2 * ratio, 2 * ratio);
  });
  cloud.cameras.forEach((c, i) => {
    const at = put(c);
    const to = put([0, 1, 2].map((k) => c[k] + 0.12 * pane.reach * c[3 + k]));
    const current = i === cloud.current;
    context.strokeStyle = current ? '#d55e00' : dark ? '#a3acb8' : '#545d68';
    context.lineWidth = (current ? 3 : 1.2) * ratio;
    context.beginPath();
    context.moveTo(...at); context.lineTo(...to);
    context.stroke();
    context.fillStyle = context.strokeStyle;
    context.fillRect(at[0] - 2 * ratio, at[1] - 2 * ratio, 4 * ratio, 4 * ratio);
  });
}

function place(pane, event) {
  const box = pane.canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * pane.photo.naturalWidth);
  const y = Math.floor(((event.clientY - box.top) / box.height) * pane.photo.naturalHeight);
  return x < 0 || y < 0 || x >= pane.photo.naturalWidth || y >= pane.photo.naturalHeight ? null : [x, y];
}

function listen(pane) {
  const { canvas } = pane;
  if (pane.cloud) {
    canvas.style.cursor = 'grab';
    canvas.addEventListener('pointerdown', (down) => {
      canvas.setPointerCapture(down.pointerId);
      const start = [...H.turn];
      const move = (event) => {
        H.turn = [start[0] + (event.clientX - down.clientX) / 120, Math.max(-1.5, Math.min(1.5, start[1] + (event.clientY - down.clientY) / 120))];
        drawPane(pane);
      };
      canvas.addEventListener('pointermove', move);
      canvas.addEventListener('pointerup', () => canvas.removeEventListener('pointermove', move), { once: true });
    });
  }
  if (!pane.ids) return;
  canvas.style.cursor = CURSORS[H.told.tool];
  canvas.addEventListener('pointermove', (event) => {
    const at = place(pane, event);
    const id = at ? pane.ids[at[1] * pane.photo.naturalWidth + at[0]] : -1;
    tell(pane, id, event);
    if (id !== H.hot) { H.hot = id; drawPane(pane); }
  });
  canvas.addEventListener('pointerleave', () => { H.hot = -1; pane.tip.hidden = true; drawPane(pane); });
  canvas.addEventListener('click', (event) => {
    const at = place(pane, event);
    if (at) { pane.cursor = at; trigger('act', { do: 'click', frame: H.told.index, x: at[0], y: at[1] }); }
  });
  canvas.addEventListener('keydown', (event) => key(pane, event));
}

// The arrow keys move a cross on the picture while it has the focus; Enter acts where the cross is.
function key(pane, event) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const size = [pane.photo.naturalWidth, pane.photo.naturalHeight];
  pane.cursor = pane.cursor || size.map((side) => side >> 1);
  if (moves[event.key]) {
    const step = event.ctrlKey ? 1 : Math.max(1, Math.round(size[0] / 48));
    pane.cursor = pane.cursor.map((value, i) => Math.max(0, Math.min(size[i] - 1, value + step * moves[event.key][i])));
    H.told.asked = pane.cursor;
    H.hot = pane.ids[pane.cursor[1] * size[0] + pane.cursor[0]];
    drawPane(pane);
  } else if (event.key === 'Enter' || event.key === ' ') {
    trigger('act', { do: 'click', frame: H.told.index, x: pane.cursor[0], y: pane.cursor[1] });
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

function tell(pane, id, event) {
  pane.tip.hidden = id < 0;
  if (id < 0) return;
  pane.tip.textContent = `Segment ${id}: ${pane.shares[id]} % static`;
  const box = pane.canvas.getBoundingClientRect();
  const x = event.clientX - box.left;
  pane.tip.style.left = `${Math.max(0, x + 170 > box.width ? x - 165 : x + 14)}px`;
  pane.tip.style.top = `${Math.max(0, event.clientY - box.top + 14)}px`;
}

root.addEventListener('input', (event) => {
  const { look, wipe } = event.target.dataset;
  if (look !== undefined) {
    const pane = H.panes[look];
    pane.shown = Number(event.target.value);
    const shown = pane.looks[pane.shown];
    event.target.nextElementSibling.textContent = shown ? `step ${shown[0]}` : 'last';
    drawPane(pane);
  }
  if (event.target.dataset.divide !== undefined) {
    const at = `${event.target.value}%`;
    root.querySelectorAll('.hg-divided').forEach((one) => { one.style.setProperty('--at', at); one.querySelector('input').value = event.target.value; });
  }
  if (wipe !== undefined) { H.panes[wipe].look = Number(event.target.value); drawPane(H.panes[wipe]); }
});
root.addEventListener('change', (event) => {
  if (event.target.dataset.heldChoice === undefined) return;
  root.querySelectorAll('.hg-divided').forEach((one) => { one.hidden = one.dataset.held !== event.target.value; });
});
root.addEventListener('click', async (event) => {
  const copy = event.target.closest('[data-copy]');
  if (copy) {
    const code = copy.parentElement.querySelector('code');
    try {
      await navigator.clipboard.writeText(code.textContent);
      copy.textContent = 'Copied';
    } catch {
      window.getSelection().selectAllChildren(code); // Pages without https may not write: what is marked can be copied by hand.
    }
    return;
  }
  const go = event.target.closest('[data-go]');
  if (go) trigger('act', { do: 'go', by: Number(go.dataset.go) });
});
document.getElementById('room-hugs').addEventListener('click', (event) => {
  const cell = event.target.closest('#hugs-film .hg-cell');
  if (cell) trigger('act', { do: 'frame', frame: Number(cell.dataset.frame) });
});
document.getElementById('room-hugs').addEventListener('keydown', (event) => {
  if (event.target.closest('input, textarea, select, [role="tab"], [role="listbox"], [contenteditable]')) return;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const tool = { w: 'why', m: 'moves', s: 'static', a: 'auto' }[event.key];
  const back = { z: 'undo', y: 'redo' }[event.key];
  if (event.ctrlKey || event.metaKey || event.altKey || !(by || tool || back)) return;
  event.preventDefault();
  trigger('act', by ? { do: 'go', by } : tool ? { do: 'tool', tool } : { do: back });
});
new ResizeObserver(() => draw()).observe(root);
const next = () => { H.chain = H.chain.then(() => take(props.value)).catch((problem) => console.error('hugs:', problem)); };
watch('value', next);
next();
