// What a click would give, as a thin dashed outline, once the pointer rests. One request at a time, the latest place wins.
const REST_MS = 60;
const STAY_PX = 5;
let resting = 0;
let asking = null;
let wanted = null;

function previewAt(view, event, at) {
  clearTimeout(resting);
  const { scale } = placement(view);
  if (S.preview && Math.hypot(at[0] - S.preview.at[0], at[1] - S.preview.at[1]) * scale > STAY_PX) S.preview = null;
  wanted = null;
  if (event.pointerType !== 'mouse' || !previewable(at)) return;
  resting = setTimeout(() => askPreview(at.map(hundredth)), REST_MS);
}

function previewable(at) {
  const able = S.key && S.previews && inside(at) && !S.busy && !S.inFlight && !pressed && !S.loading;
  return able && (S.mode === 'add' || (S.mode === 'remove' && current() && current().key));
}

async function askPreview(at) {
  if (!previewable(at)) return;
  if (asking) { wanted = at; return; }
  const control = new AbortController();
  asking = control;
  const about = `${S.revision} ${S.doc.active}`;
  try {
    const label = S.mode === 'remove' ? 0 : 1;
    const { masks } = await call('preview', { x: at[0], y: at[1], label, base: S.photo.base }, control.signal);
    if (masks && about === `${S.revision} ${S.doc.active}` && !S.busy && !S.inFlight && !wanted && S.hover) {
      S.preview = { at, masks: Object.fromEntries(Object.entries(masks).map(([branch, sent]) => [branch, readMask(sent)])) };
      repaint();
    }
  } catch (problem) {
    if (problem.name !== 'AbortError') console.info('stage: no preview:', problem.message);
  } finally {
    asking = null;
    const next = wanted;
    wanted = null;
    if (next) askPreview(next);
  }
}

function dropPreview() {
  clearTimeout(resting);
  wanted = null;
  S.preview = null;
  if (asking) asking.abort();
}

function togglePreviews() {
  S.previews = !S.previews;
  dropPreview();
  say(`Preview ${S.previews ? 'on' : 'off'}`);
  refreshTools();
  repaint();
}

function paintPreview(context, view, place) {
  const mask = S.preview && S.preview.masks[view.key];
  if (!mask) return;
  inMaskPixels(context, mask, place, (scale) => {
    for (const [color, shift] of [['rgba(0,0,0,0.75)', 0], ['#ffffff', 4]]) {
      context.setLineDash([4 / scale, 4 / scale]);
      context.lineDashOffset = shift / scale;
      context.lineWidth = 1.2 / scale;
      context.strokeStyle = color;
      context.stroke(mask.outline);
    }
    context.setLineDash([]);
  });
}
