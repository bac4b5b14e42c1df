// Masks as they arrive (run lengths), their outline along pixel edges, their tint, and the difference of two.
const TINT_ALPHA = 0.45;

function keepMasks(masks) {
  for (const [key, branches] of Object.entries(masks)) {
    S.masks.set(key, Object.fromEntries(Object.entries(branches).map(([branch, sent]) => [branch, readMask(sent)])));
  }
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

// Run lengths, row by row, outside first, each as little-endian base 128.
function readMask({ width, height, runs }) {
  const packed = atob(runs);
  const inside = new Uint8Array(width * height);
  let at = 0;
  let value = 0;
  let run = 0;
  let shift = 0;
  for (let i = 0; i < packed.length; i += 1) {
    const byte = packed.charCodeAt(i);
    run += (byte & 127) * 2 ** shift;
    shift += 7;
    if (byte < 128) {
      if (value) inside.fill(1, at, at + run);
      at += run;
      value = 1 - value;
      run = 0;
      shift = 0;
    }
  }
  const mask = { width, height, inside, tints: new Map() };
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
  for (let y = 0; y <= height; y += 1) {
    const row = y * width;
    const below = y < height;
    const above = y > 0;
    let from = -1;
    for (let x = 0; x < width; x += 1) {
      const edge = (below ? inside[row + x] : 0) !== (above ? inside[row - width + x] : 0);
      if (edge === (from >= 0)) continue;
      if (edge) from = x;
      else { path.moveTo(from, y); path.lineTo(x, y); from = -1; }
    }
    if (from >= 0) { path.moveTo(from, y); path.lineTo(width, y); }
  }
  // Vertical runs are followed row by row as well, which is the order of the bytes.
  const open = new Int32Array(width + 1).fill(-1);
  for (let y = 0; y < height; y += 1) {
    const row = y * width;
    for (let x = 0; x <= width; x += 1) {
      const edge = (x < width ? inside[row + x] : 0) !== (x ? inside[row + x - 1] : 0);
      if (edge === (open[x] >= 0)) continue;
      if (edge) open[x] = y;
      else { path.moveTo(x, open[x]); path.lineTo(x, y); open[x] = -1; }
    }
  }
  for (let x = 0; x <= width; x += 1) if (open[x] >= 0) { path.moveTo(x, open[x]); path.lineTo(x, height); }
  return path;
}

function rgb(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

function packed(red, green, blue, alpha) {
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

function tinted(mask, color) {
  if (!mask.tints.has(color)) {
    const tint = packed(...rgb(color), 255);
    mask.tints.set(color, painted(mask, (pixels) => {
      for (let i = 0; i < pixels.length; i += 1) if (mask.inside[i]) pixels[i] = tint;
    }));
  }
  return mask.tints.get(color);
}

// A canvas of the mask's size whose pixels ``fill`` sets, each as one 32-bit number.
function painted({ width, height }, fill) {
  const canvas = blank(width, height);
  const context = canvas.getContext('2d');
  const data = context.createImageData(width, height);
  fill(new Uint32Array(data.data.buffer));
  context.putImageData(data, 0, 0);
  return canvas;
}

// Only the first, only the second, both: told apart by colour and by the direction of the hatching.
function difference(first, second, colors) {
  if (first.versus === second && first.map) return first.map;
  const [one, two, both] = colors.map(rgb);
  const strong = [one, two].map((color) => packed(...color, 255));
  const weak = [one, two].map((color) => packed(...color, 150));
  const shared = packed(...both, 150);
  const { width } = first;
  first.versus = second;
  first.map = painted(first, (pixels) => {
    for (let i = 0; i < pixels.length; i += 1) {
      const a = first.inside[i];
      const b = second.inside[i];
      if (a && b) pixels[i] = shared;
      else if (a || b) {
        const x = i % width;
        const y = (i - x) / width;
        const which = a ? 0 : 1;
        pixels[i] = (a ? x + y : x - y + 4096) % 10 < 5 ? strong[which] : weak[which];
      }
    }
  });
  return first.map;
}
