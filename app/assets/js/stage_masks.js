// Masks as they arrive (one-bit PNG), their outline along pixel edges, their tint, and the difference of two.
const TINT_ALPHA = 0.45;

async function keepMasks(masks) {
  const jobs = Object.entries(masks).map(async ([key, branches]) => {
    const decoded = {};
    await Promise.all(Object.entries(branches).map(async ([branch, src]) => { decoded[branch] = await readMask(src); }));
    S.masks.set(key, decoded);
  });
  await Promise.all(jobs);
  while (S.masks.size > 120) S.masks.delete(S.masks.keys().next().value);
}

function loaded(src) {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error('a picture from the server cannot be read'));
    image.src = src;
  });
}

async function readMask(src) {
  const image = await loaded(src);
  const canvas = blank(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const inside = new Uint8Array(canvas.width * canvas.height);
  for (let i = 0; i < inside.length; i += 1) inside[i] = pixels[4 * i] > 127 ? 1 : 0;
  const mask = { width: canvas.width, height: canvas.height, inside, tints: new Map() };
  mask.outline = outline(mask);
  return mask;
}

function blank(width, height) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

// The border between inside and outside as straight runs between pixel corners: exact, and thin at every zoom.
function outline({ width, height, inside }) {
  const path = new Path2D();
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : inside[y * width + x]);
  for (let y = 0; y <= height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (at(x, y) === at(x, y - 1)) continue;
      const from = x;
      while (x < width && at(x, y) !== at(x, y - 1)) x += 1;
      path.moveTo(from, y);
      path.lineTo(x, y);
    }
  }
  for (let x = 0; x <= width; x += 1) {
    for (let y = 0; y < height; y += 1) {
      if (at(x, y) === at(x - 1, y)) continue;
      const from = y;
      while (y < height && at(x, y) !== at(x - 1, y)) y += 1;
      path.moveTo(x, from);
      path.lineTo(x, y);
    }
  }
  return path;
}

function rgb(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

function tinted(mask, color) {
  if (!mask.tints.has(color)) {
    const [red, green, blue] = rgb(color);
    mask.tints.set(color, painted(mask.width, mask.height, (i) => (mask.inside[i] ? [red, green, blue, 255] : null)));
  }
  return mask.tints.get(color);
}

function painted(width, height, colorAt) {
  const canvas = blank(width, height);
  const context = canvas.getContext('2d');
  const data = context.createImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    const color = colorAt(i);
    if (color) data.data.set(color, 4 * i);
  }
  context.putImageData(data, 0, 0);
  return canvas;
}

// Only the first, only the second, both: told apart by colour and by the direction of the hatching.
function difference(first, second, colors) {
  if (first.versus === second && first.map) return first.map;
  const [a, b, both] = colors.map(rgb);
  const { width } = first;
  first.versus = second;
  first.map = painted(width, first.height, (i) => {
    const one = first.inside[i];
    const two = second.inside[i];
    if (!one && !two) return null;
    if (one && two) return [...both, 150];
    const x = i % width;
    const y = (i - x) / width;
    const stripe = (one ? x + y : x - y + 4096) % 10 < 5;
    return [...(one ? a : b), stripe ? 255 : 150];
  });
  return first.map;
}
