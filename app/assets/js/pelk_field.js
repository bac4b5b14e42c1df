// Receptive fields of several networks side by side, walked through by depth. The server sends each map once, as grey
// levels over four decades; scale, photo and depth change here. element, props and watch come from gradio.
const root = element.querySelector('.pf');
const RAMP = root.dataset.ramp.match(/../g).map((pair) => parseInt(pair, 16));
const F = { told: null, maps: [], photo: null, at: 1, scale: 'log', under: false, timer: null, chain: Promise.resolve() };
const escaped = (text) => { const span = document.createElement('span'); span.textContent = text; return span.innerHTML; };

const picture = (src) => new Promise((done, failed) => {
  const image = new Image();
  image.onload = () => done(image);
  image.onerror = () => failed(new Error('a map from the server cannot be read'));
  image.src = src;
});

async function levels(src, size) {
  const canvas = Object.assign(document.createElement('canvas'), { width: size, height: size });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(await picture(src), 0, 0);
  const pixels = context.getImageData(0, 0, size, size).data;
  return Uint8Array.from({ length: size * size }, (_, i) => pixels[4 * i]);
}

const most = () => Math.max(1, ...F.told.networks.map((network) => network.depths.length));
// Networks may differ in depth: the slider is the share of the way through.
const depthOf = (network) => network.depths[Math.min(network.depths.length - 1, Math.round(F.at * (network.depths.length - 1)))];

async function take(told) {
  if (!told || !told.networks) return;
  const photo = told.photo ? await picture(told.photo) : null;
  const maps = await Promise.all(told.networks.map((network) => Promise.all(network.depths.map((depth) => levels(depth.map, told.size)))));
  Object.assign(F, { told, photo, maps });
  frame();
  draw();
}

function frame() {
  const { told } = F;
  if (!told.networks.length) {
    root.innerHTML = '<div class="pk-frame"><p class="pk-said">Which pixels of the input change the centre of a layer, and how much? Press the button: three networks with equal numbers of parameters and kernels of different sizes are compared on one picture, layer by layer.</p></div>';
    return;
  }
  const steps = most() - 1;
  const cards = told.networks.map((network, index) => `<figure class="pf-card"><figcaption><b>${escaped(network.title)}</b>
    <span class="pf-tag" data-trained="${network.trained}">${escaped(network.trained ? network.weights : `untrained, ${network.weights}`)}</span></figcaption>
    <div class="pf-map"><canvas width="${told.size}" height="${told.size}" role="img" data-index="${index}"></canvas>
    <svg viewBox="0 0 ${told.size} ${told.size}" aria-hidden="true"></svg></div><p class="pf-depth"></p></figure>`).join('');
  root.innerHTML = `<div class="pk-frame" ${told.busy ? 'aria-busy="true"' : ''}>
    <p class="pk-said"><b>Input ${told.size} x ${told.size} px</b>, ${told.views} view${told.views > 1 ? 's' : ''}${told.example ? ', made earlier' : ''}.
    Bright: pixels that change the centre of the layer most. Squares hold 50 % (solid) and 99 % (dashed) of the field. ${escaped(told.note || '')}</p>
    <div class="pf-bar"><button type="button" class="v-button pf-play" aria-pressed="false">Play by depth</button>
    <label>Depth <input type="range" class="pf-at" min="0" max="1" step="${steps ? 1 / steps : 1}" value="${F.at}" aria-label="Depth in the network"></label>
    <label><input type="radio" name="pf-scale" value="log" ${F.scale === 'log' ? 'checked' : ''}> ${told.decades} decades</label>
    <label><input type="radio" name="pf-scale" value="linear" ${F.scale === 'linear' ? 'checked' : ''}> linear</label>
    <label><input type="checkbox" class="pf-under" ${F.under ? 'checked' : ''}> picture underneath</label></div>
    <div class="pf-cards"><figure class="pf-card"><figcaption><b>Picture</b><span class="pf-tag">what the networks see</span></figcaption>
    <img src="${told.photo}" alt="The input, ${told.size} x ${told.size} pixels"><p class="pf-depth">middle square</p></figure>${cards}</div>
    <div class="pf-scale"><span>${F.scale}</span><i></i><span>largest</span></div>
    <table class="rs-table pf-table"><caption>Smallest centred square that holds a share of the field</caption><thead></thead><tbody></tbody></table>
    <p class="pk-under">RepLKNet plots log10(x + 1) over its maximum; for gradients far below 1 that is the linear scale. Empty cells: no centred square inside the picture holds that much.</p></div>`;
  root.querySelector('.pf-at').addEventListener('input', (event) => { stop(); F.at = Number(event.target.value); draw(); });
  root.querySelector('.pf-play').addEventListener('click', () => (F.timer ? stop() : play()));
  root.querySelector('.pf-under').addEventListener('change', (event) => { F.under = event.target.checked; draw(); });
  root.querySelectorAll('[name="pf-scale"]').forEach((radio) => radio.addEventListener('change', () => { F.scale = radio.value; draw(); }));
}

function stop() {
  clearInterval(F.timer);
  F.timer = null;
  const button = root.querySelector('.pf-play');
  if (button) { button.textContent = 'Play by depth'; button.setAttribute('aria-pressed', 'false'); }
}

function play() {
  const steps = most() - 1;
  if (!steps) return;
  let step = F.at >= 1 ? -1 : Math.round(F.at * steps);
  const button = root.querySelector('.pf-play');
  button.textContent = 'Stop';
  button.setAttribute('aria-pressed', 'true');
  F.timer = setInterval(() => {
    step += 1;
    F.at = step / steps;
    root.querySelector('.pf-at').value = F.at;
    draw();
    if (step >= steps) stop();
  }, 450);
}

function paint(canvas, map) {
  const { told } = F;
  const context = canvas.getContext('2d');
  const data = context.createImageData(told.size, told.size);
  if (F.under && F.photo) {
    context.filter = 'grayscale(1)';
    context.drawImage(F.photo, 0, 0, told.size, told.size);
    context.filter = 'none';
  }
  const below = F.under ? context.getImageData(0, 0, told.size, told.size).data : null;
  for (let i = 0; i < map.length; i += 1) {
    const shown = F.scale === 'log' ? map[i] : (map[i] ? Math.round(255 * 10 ** ((map[i] / 255 - 1) * told.decades)) : 0);
    const weight = below ? Math.min(1, 0.25 + shown / 255) : 1;
    for (let c = 0; c < 3; c += 1) data.data[4 * i + c] = weight * RAMP[3 * shown + c] + (below ? (1 - weight) * below[4 * i + c] : 0);
    data.data[4 * i + 3] = 255;
  }
  context.putImageData(data, 0, 0);
}

function square(score, dashed) {
  if (!score || score.side_px === null) return '';
  const from = Math.floor(F.told.size / 2) - (score.side_px - 1) / 2;
  const box = `x="${from}" y="${from}" width="${score.side_px}" height="${score.side_px}"`;
  return `<rect class="pf-halo" ${box}/><rect class="pf-square${dashed ? ' pf-dashed' : ''}" ${box}/>`;
}

const sized = (score) => (score.side_px === null ? '' : `${score.side_px} px (${(100 * score.area_ratio).toPrecision(2)} %)`);

function draw() {
  const { told } = F;
  if (!told || !told.networks.length) return;
  root.querySelector('.pf-scale span').textContent = F.scale === 'log' ? `1/10 000` : '0';
  root.querySelectorAll('canvas[data-index]').forEach((canvas) => {
    const index = Number(canvas.dataset.index);
    const network = told.networks[index];
    const depth = depthOf(network);
    paint(canvas, F.maps[index][network.depths.indexOf(depth)]);
    const of = (share) => depth.scores.find((score) => score.share === share);
    canvas.nextElementSibling.innerHTML = square(of(0.5), false) + square(of(0.99), true);
    const said = depth.dead ? 'nothing reaches the centre' : `50 %: ${sized(of(0.5)) || 'not inside'}`;
    canvas.setAttribute('aria-label', `${network.title}, ${depth.name}, stride ${depth.stride}: ${said}`);
    canvas.closest('figure').querySelector('.pf-depth').textContent = `${depth.name}, stride ${depth.stride}. ${said}`;
  });
  const shares = told.networks[0].depths[0].scores.map((score) => score.share);
  root.querySelector('.pf-table thead').innerHTML = `<tr><td></td><th scope="col">layer</th>${shares.map((share) => `<th scope="col">${Math.round(100 * share)} %</th>`).join('')}</tr>`;
  root.querySelector('.pf-table tbody').innerHTML = told.networks.map((network) => {
    const depth = depthOf(network);
    return `<tr><th scope="row">${escaped(network.title)}${network.trained ? '' : ' (untrained)'}</th><td>${escaped(depth.name)}</td>${depth.scores.map((score) => `<td>${sized(score)}</td>`).join('')}</tr>`;
  }).join('');
}

const next = () => { F.chain = F.chain.then(() => take(props.value)).catch((problem) => console.error('fields:', problem)); };
watch('value', next);
next();
