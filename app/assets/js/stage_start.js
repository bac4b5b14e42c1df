// Builds the stage's elements once, connects everything and asks for what the browser kept.
const TOOLS = [
  ['Point', [['mode:add', 'Add', 'Click adds to the object (left click)'], ['mode:remove', 'Remove', 'Click removes from the object (right click does so in every mode)'], ['mode:box', 'Box', 'Two clicks: one corner, then the other (b)']]],
  ['Paint', [['mode:brush', 'Brush', 'Paint pixels of the object; the right button erases (d)'], ['mode:erase', 'Eraser', 'Erase pixels of the object (e)'], ['brush:smaller', '&minus;', 'Smaller brush ([)'], ['brush:larger', '+', 'Larger brush (])'], ['act:clear_edits', 'Clear painting', 'Remove all strokes of this object']]],
  ['Network', [['switch:refine', 'Refine', 'Give the last mask of this object back to the network with the next click (r)'], ['switch:paint_prompt', 'Paint as prompt', 'The painting tells the network where the object is, instead of being part of the mask'], ['switch:previews', 'Preview', 'Outline what a click would give while the pointer rests (p)']]],
  ['History', [['act:undo', 'Undo', 'Undo (z)'], ['act:redo', 'Redo', 'Redo (y)'], ['act:clear', 'Clear', 'Remove all prompts of this object (c)'], ['act:new', 'New object', 'Start a new object (n)']]],
];

function group(label, tools) {
  const buttons = tools.map(([tool, text, title]) => `<button type="button" data-tool="${tool}" title="${title}">${text}</button>`);
  if (label === 'Paint') buttons.splice(3, 0, '<output class="stage-brush" hidden></output>');
  return `<div class="stage-group" role="group" aria-label="${label}">${buttons.join('')}</div>`;
}

function build() {
  const layouts = [['layout:all', 'Compare', 'All views'], ...settings.views.map((v) => [`layout:${v.key}`, v.title, `${v.title} alone, large`])];
  const zoom = '<div class="stage-group" role="group" aria-label="Zoom"><button type="button" data-tool="zoom:out" title="Zoom out (-)" aria-label="Zoom out">&minus;</button><output class="stage-zoom">100 %</output><button type="button" data-tool="zoom:in" title="Zoom in (+)" aria-label="Zoom in">+</button><button type="button" data-tool="zoom:fit" title="Show the whole photo (0)">Fit</button></div>';
  const figures = settings.views.map((view) => {
    const legend = view.legend.map(([text, color], i) => `<span class="stage-key" data-hatch="${i}" style="--key:${color}">${text}</span>`);
    return `<figure class="stage-view" data-key="${view.key}" data-kind="${view.kind}"><figcaption><b>${view.title}</b><span class="stage-numbers"></span><span class="stage-busy">segmenting</span>${legend.length ? `<span class="stage-legend">${legend.join('')}</span>` : ''}</figcaption><canvas tabindex="0" role="application"></canvas></figure>`;
  });
  root.innerHTML = `<div class="stage-tools" role="toolbar" aria-label="Tools">${TOOLS.map(([l, t]) => group(l, t)).join('')}${zoom}${group('View', layouts)}</div>
    <div class="stage-views">${figures.join('')}<section class="stage-aside" data-outlet="results"></section></div>
    <p class="stage-say" aria-live="polite"></p><div class="stage-drop" aria-hidden="true">Drop the photo here</div>
    <input class="stage-file" type="file" accept="image/*" tabindex="-1" aria-hidden="true">
    <dialog class="stage-camera" aria-label="Camera"><video autoplay playsinline muted></video><p></p><button type="button" data-take>Take photo</button><form method="dialog"><button>Close</button></form></dialog>`;
  S.views = settings.views.map((view) => {
    const figure = root.querySelector(`[data-key="${view.key}"]`);
    return { ...view, figure, canvas: figure.querySelector('canvas') };
  });
}

const BUTTONS = {
  mode: (value) => setMode(value),
  layout: (value) => setLayout(value),
  act: (value) => act({ do: value }),
  switch: (value) => (value === 'previews' ? togglePreviews() : toggleObject(value)),
  brush: (value) => resizeBrush(value === 'larger' ? 1 : -1),
  zoom: (value) => (value === 'fit' ? (fit(), refreshTools()) : zoomTo(S.zoom * (value === 'in' ? 1.4 : 1 / 1.4), S.views[0])),
};

function focusPicture() {
  const { canvas } = S.views.find(visible) || S.views[0];
  canvas.classList.add('by-pointer');
  canvas.focus({ preventScroll: true });
}

const CONTROLS = {
  open: choose,
  camera,
  example: (button) => askPhoto({ example: button.dataset.name }),
  new: () => act({ do: 'new' }),
};

build();
S.views.forEach((view) => { listenPointer(view); listenKeys(view); });
listenPhoto();
root.addEventListener('click', (event) => {
  const button = event.target.closest('[data-tool]');
  if (!button) return;
  const [kind, value] = button.dataset.tool.split(':');
  BUTTONS[kind](value);
  // A tool in the hand: from here on keys belong to the picture, not to the button.
  if (event.detail && kind !== 'layout') focusPicture();
});
document.addEventListener('click', (event) => {
  const button = event.target.closest(`[data-stage-do][data-room="${room}"]`);
  if (button && root.isConnected) CONTROLS[button.dataset.stageDo](button);
});
root.addEventListener('pointerenter', () => trigger('near', {}), { once: true });
root.addEventListener('focusin', () => trigger('near', {}), { once: true });
new ResizeObserver(() => resize()).observe(root);
window.addEventListener('resize', resize);
showCursor();
watch('value', () => take(props.value));
take(props.value).then(() => {
  const kept = keptWork();
  if (kept) trigger('restore', kept);
});
