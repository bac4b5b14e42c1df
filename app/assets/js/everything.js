// The coloured map of everything mode: photo, segments with outlines, hover label, sortable table. All from one small
// label map, so that pointing at a segment asks the server nothing. element, trigger, props and watch come from gradio.
const root = element.querySelector('.ev');
const FILL = 115;
const COLUMNS = [
  ['number', 'No.', (s) => s.number],
  ['model', 'Model', (s) => s.title],
  ['area', 'Area (px)', (s) => s.area],
  ['share', 'Share (%)', (s) => s.share],
  ['iou', 'Predicted IoU', (s) => s.predicted_iou],
  ['stability', 'Stability', (s) => s.stability],
];
const E = { photo: null, views: [], sort: ['area', -1], hot: null, chain: Promise.resolve() };

const digits = (value, places) => Number(value).toFixed(places);
const grouped = (value) => String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
const escaped = (text) => { const span = document.createElement('span'); span.textContent = text; return span.innerHTML; };

function picture(src) {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error('a picture from the server cannot be read'));
    image.src = src;
  });
}

async function read(view) {
  const image = await picture(view.labels);
  const width = image.naturalWidth;
  const height = image.naturalHeight;
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, width, height).data;
  const labels = new Uint16Array(width * height);
  for (let i = 0; i < labels.length; i += 1) labels[i] = pixels[4 * i] + 256 * pixels[4 * i + 1];
  return { ...view, width, height, labels, overlay: painted(view, width, height, labels), hots: new Map() };
}

const rgb = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

// Filled at 45 %, with a full outline where two segments meet.
function painted(view, width, height, labels) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d');
  const data = context.createImageData(width, height);
  const colors = view.colors.map(rgb);
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      const label = labels[i];
      if (!label) continue;
      const edge = (x > 0 && labels[i - 1] !== label) || (x + 1 < width && labels[i + 1] !== label)
        || (y > 0 && labels[i - width] !== label) || (y + 1 < height && labels[i + width] !== label)
        // Where nothing lies beside it the outline has to have both its pixels inside.
        || (x > 1 && !labels[i - 2]) || (x + 2 < width && !labels[i + 2])
        || (y > 1 && !labels[i - 2 * width]) || (y + 2 < height && !labels[i + 2 * width]);
      const [r, g, b] = colors[(label - 1) % colors.length];
      data.data.set([r, g, b, edge ? 255 : FILL], 4 * i);
    }
  }
  context.putImageData(data, 0, 0);
  return canvas;
}

// White hatching over the pointed segment: seen whatever its colour.
function hot(view, number) {
  if (!view.hots.has(number)) {
    const { width, height, labels } = view;
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const context = canvas.getContext('2d');
    const data = context.createImageData(width, height);
    for (let i = 0; i < labels.length; i += 1) {
      if (labels[i] !== number) continue;
      const x = i % width;
      const y = (i - x) / width;
      const edge = labels[i - 1] !== number || labels[i + 1] !== number || labels[i - width] !== number || labels[i + width] !== number;
      data.data.set([255, 255, 255, edge ? 255 : (x + y) % 8 < 4 ? 150 : 60], 4 * i);
    }
    context.putImageData(data, 0, 0);
    view.hots.clear();
    view.hots.set(number, canvas);
  }
  return view.hots.get(number);
}

function draw() {
  E.views.forEach((view) => {
    const { canvas } = view;
    const box = canvas.getBoundingClientRect();
    if (!box.width) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    canvas.width = Math.round(box.width * ratio);
    canvas.height = Math.round(box.width * ratio * (E.photo.height / E.photo.width));
    const context = canvas.getContext('2d');
    context.drawImage(E.photo.image, 0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = view.width > canvas.width;
    context.drawImage(view.overlay, 0, 0, canvas.width, canvas.height);
    if (E.hot && E.hot.view === view) {
      context.drawImage(hot(view, E.hot.number), 0, 0, canvas.width, canvas.height);
      const segment = view.segments[E.hot.number - 1];
      if (segment) {
        const scale = canvas.width / E.photo.width;
        context.setLineDash([5 * ratio, 4 * ratio]);
        context.lineWidth = 1.5 * ratio;
        context.strokeStyle = '#ffffff';
        context.strokeRect(...segment.bbox.map((value) => value * scale));
      }
    }
  });
}

function at(view, event) {
  const box = view.canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * view.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * view.height);
  if (x < 0 || y < 0 || x >= view.width || y >= view.height) return 0;
  return view.labels[y * view.width + x];
}

function point(view, number) {
  const same = E.hot && E.hot.view === view && E.hot.number === number;
  if (same || (!E.hot && !number)) return;
  E.hot = number ? { view, number } : null;
  root.querySelectorAll('tr[data-hot]').forEach((row) => row.removeAttribute('data-hot'));
  if (E.hot) root.querySelectorAll(`tr[data-row="${view.branch} ${number}"]`).forEach((row) => row.setAttribute('data-hot', ''));
  draw();
}

function told(view, number, event) {
  const tip = view.figure.querySelector('.ev-tip');
  const segment = view.segments[number - 1];
  tip.hidden = !segment;
  if (!segment) return;
  tip.innerHTML = `<b>${number}</b> ${grouped(segment.area)} px<br>predicted IoU ${digits(segment.predicted_iou, 2)}<br>stability ${digits(segment.stability, 2)}<br><i>click to add as object</i>`;
  const box = view.figure.querySelector('.ev-picture').getBoundingClientRect();
  const x = event.clientX - box.left;
  const y = event.clientY - box.top;
  tip.style.left = `${Math.max(0, x + 170 > box.width ? x - 166 : x + 14)}px`;
  tip.style.top = `${Math.max(0, y + 92 > box.height ? y - 88 : y + 14)}px`;
}

function listen(view) {
  view.canvas.addEventListener('pointermove', (event) => {
    const number = at(view, event);
    point(view, number);
    told(view, number, event);
  });
  view.canvas.addEventListener('pointerleave', () => {
    point(view, 0);
    view.figure.querySelector('.ev-tip').hidden = true;
  });
  view.canvas.addEventListener('click', (event) => pick(view.branch, at(view, event)));
}

function pick(branch, number) {
  const view = E.views.find((v) => v.branch === branch);
  if (view && !view.partial && view.segments[number - 1]) trigger('act', { branch, number });
}

function rows() {
  const total = E.photo.width * E.photo.height;
  const all = E.views.flatMap((view) => view.segments.map((s) => ({
    ...s, branch: view.branch, title: view.title, color: view.colors[s.number - 1], share: (100 * s.area) / total,
  })));
  const [key, order] = E.sort;
  const value = COLUMNS.find(([name]) => name === key)[2];
  return all.sort((a, b) => (value(a) < value(b) ? -order : value(a) > value(b) ? order : a.number - b.number));
}

function table() {
  const place = root.querySelector('.ev-table');
  const all = rows();
  place.hidden = !all.length;
  if (!all.length) return;
  const shown = COLUMNS.filter(([name]) => name !== 'model' || E.views.length > 1);
  const head = shown.map(([name, title]) => {
    const sorted = E.sort[0] === name ? (E.sort[1] > 0 ? 'ascending' : 'descending') : 'none';
    return `<th scope="col" aria-sort="${sorted}"><button type="button" data-sort="${name}">${title}</button></th>`;
  });
  const cell = (s, name) => ({
    number: `<i class="ev-swatch" style="background:${s.color}"></i>${s.number}`,
    model: escaped(s.title),
    area: grouped(s.area),
    share: digits(s.share, 1),
    iou: digits(s.predicted_iou, 2),
    stability: digits(s.stability, 2),
  })[name];
  const body = all.map((s) => `<tr data-row="${s.branch} ${s.number}">${shown.map(([name]) => `<td>${cell(s, name)}</td>`).join('')}<td><button type="button" data-pick="${s.branch} ${s.number}" aria-label="Add segment ${s.number} of ${escaped(s.title)} as object">Add</button></td></tr>`);
  place.innerHTML = `<table><caption>${all.length === 1 ? '1 segment' : `${all.length} segments`}</caption><thead><tr>${head.join('')}<td></td></tr></thead><tbody>${body.join('')}</tbody></table>`;
}

async function take(message) {
  if (!message || typeof message !== 'object') return;
  if (!message.views) {
    root.innerHTML = message.empty ? `<p class="ev-empty">${escaped(message.empty)}</p>` : '';
    E.views = [];
    return;
  }
  const views = await Promise.all(message.views.map(read));
  if (!E.photo || E.photo.id !== message.photo_id) {
    E.photo = { ...message.photo, id: message.photo_id, image: await picture(message.photo.src) };
  }
  E.hot = null;
  const figures = views.map((v) => `<figure data-branch="${v.branch}" ${v.partial ? 'data-partial' : ''}><figcaption><b>${escaped(v.title)}</b><span>${escaped(v.caption)}</span></figcaption><div class="ev-picture"><canvas role="img" aria-label="${escaped(v.title)}: ${escaped(v.caption)}, in ${escaped(E.photo.alt)}"></canvas><div class="ev-tip" hidden></div></div></figure>`);
  root.innerHTML = `<div class="ev-views" data-count="${views.length}" style="--ev-ratio:${E.photo.width / E.photo.height}">${figures.join('')}</div><div class="ev-table" hidden></div>`;
  E.views = views.map((view) => {
    const figure = root.querySelector(`figure[data-branch="${view.branch}"]`);
    return { ...view, figure, canvas: figure.querySelector('canvas') };
  });
  E.views.forEach(listen);
  table();
  draw();
}

root.addEventListener('click', (event) => {
  const sort = event.target.closest('[data-sort]');
  if (sort) {
    const name = sort.dataset.sort;
    E.sort = [name, E.sort[0] === name ? -E.sort[1] : name === 'number' || name === 'model' ? 1 : -1];
    table();
    root.querySelector(`[data-sort="${name}"]`).focus();
  }
  const add = event.target.closest('[data-pick]');
  if (add) pick(add.dataset.pick.split(' ')[0], Number(add.dataset.pick.split(' ')[1]));
});
['pointerover', 'focusin'].forEach((kind) => root.addEventListener(kind, (event) => {
  const row = event.target.closest('tr[data-row]');
  if (!row) return;
  const [branch, number] = row.dataset.row.split(' ');
  const view = E.views.find((v) => v.branch === branch);
  if (view) point(view, Number(number));
}));
root.addEventListener('pointerout', (event) => {
  if (event.target.closest('.ev-table') && !(event.relatedTarget && event.relatedTarget.closest && event.relatedTarget.closest('.ev-table')) && E.hot) point(E.hot.view, 0);
});
new ResizeObserver(() => draw()).observe(root);
const next = () => { E.chain = E.chain.then(() => take(props.value)).catch((problem) => console.error('everything:', problem)); };
watch('value', next);
next();
