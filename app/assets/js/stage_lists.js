// What the stage shows outside the canvas: the toolbar's state, captions, the list of objects, tables sent by the server.
function setMode(mode) {
  S.mode = mode;
  if (mode !== 'box') S.corner = null;
  dropPreview();
  touchAction();
  showCursor();
  refreshTools();
  repaint();
}

// Switches of the active object.
function toggleObject(name) {
  const object = current();
  if (object) act({ do: name, on: !object[name] });
}

function setLayout(layout) {
  S.layout = layout;
  refreshTools();
  requestAnimationFrame(resize);
}

function refreshTools() {
  root.dataset.layout = S.layout;
  root.dataset.mode = S.mode;
  const object = current() || { points: [] };
  const on = {
    undo: S.doc.can_undo, redo: S.doc.can_redo, clear_edits: Boolean(object.edits), clear: Boolean(object.points.length || object.box || object.edits),
  };
  const switches = { previews: S.previews, refine: Boolean(object.refine), paint_prompt: Boolean(object.paint_prompt) };
  for (const button of root.querySelectorAll('[data-tool]')) {
    const [kind, value] = button.dataset.tool.split(':');
    if (kind === 'mode') button.setAttribute('aria-pressed', String(S.mode === value));
    if (kind === 'layout') button.setAttribute('aria-pressed', String(S.layout === value));
    if (kind === 'layout') button.hidden = value !== 'all' && !S.shown.includes(value);
    if (kind === 'act') button.disabled = on[value] === false;
    if (kind === 'switch') button.setAttribute('aria-pressed', String(switches[value]));
    if (kind === 'brush') button.hidden = !brushing();
  }
  root.querySelector('.stage-zoom').textContent = `${Math.round(S.zoom * 100)} %`;
  const size = root.querySelector('.stage-brush');
  size.hidden = !brushing();
  size.textContent = `${2 * S.brush} px`;
  for (const view of S.views) view.figure.hidden = !visible(view);
}

function refresh() {
  if (S.layout !== 'all' && !S.shown.includes(S.layout)) S.layout = 'all';
  refreshTools();
  const object = current();
  for (const view of S.views) {
    view.figure.querySelector('.stage-numbers').innerHTML = S.captions[view.key] || '';
    const points = object ? object.points.length : 0;
    view.canvas.setAttribute('aria-label', S.photo
      ? `${view.title} on ${S.photo.alt}. ${object ? object.name : ''}: ${points} points. Arrow keys move the cursor, Enter adds.`
      : `${view.title}: no photo yet`);
  }
  listObjects();
  resize();
}

function outlets(name) {
  return [...root.querySelectorAll(`[data-outlet="${name}"]`), ...document.querySelectorAll(`[data-outlet="${name}"][data-room="${room}"]`)];
}

function fillOutlets(contents) {
  for (const [name, content] of Object.entries(contents)) outlets(name).forEach((place) => { place.innerHTML = content; });
}

function listObjects() {
  for (const place of outlets('objects')) {
    if (place.contains(document.activeElement) && document.activeElement.type === 'text') continue;
    place.replaceChildren(...S.doc.objects.map(objectRow));
  }
}

function objectRow(object) {
  const row = document.createElement('div');
  row.className = 'object-row';
  row.setAttribute('aria-current', String(object.id === S.doc.active));
  const color = made('input', { type: 'color', value: object.color.toLowerCase(), title: 'Colour', ariaLabel: `Colour of ${object.name}` });
  color.setAttribute('list', `${room}-palette`);
  color.onchange = () => act({ do: 'color', id: object.id, color: color.value });
  const name = made('input', { type: 'text', value: object.name, maxLength: 60, ariaLabel: 'Name of the object' });
  name.onfocus = () => { if (object.id !== S.doc.active) act({ do: 'select', id: object.id }); };
  name.onkeydown = (event) => { if (event.key === 'Enter') name.blur(); };
  name.onchange = () => act({ do: 'rename', id: object.id, name: name.value });
  const label = made('input', { type: 'text', className: 'object-label', value: object.label || '', maxLength: 60, placeholder: 'label', title: 'Class label', ariaLabel: `Class label of ${object.name}` });
  label.onkeydown = (event) => { if (event.key === 'Enter') label.blur(); };
  label.onchange = () => act({ do: 'label', id: object.id, label: label.value });
  const count = made('span', { className: 'object-count', textContent: summary(object) });
  const hide = made('button', { type: 'button', textContent: object.hidden ? 'Show' : 'Hide', ariaLabel: `${object.hidden ? 'Show' : 'Hide'} ${object.name}` });
  hide.onclick = () => act({ do: 'hide', id: object.id, hidden: !object.hidden });
  const gone = made('button', { type: 'button', textContent: 'Delete', ariaLabel: `Delete ${object.name}` });
  gone.onclick = () => act({ do: 'delete', id: object.id });
  row.title = summary(object);
  row.onclick = (event) => { if (event.target === row && object.id !== S.doc.active) act({ do: 'select', id: object.id }); };
  row.append(color, name, label, count, hide, gone);
  return row;
}

function summary(object) {
  const parts = [];
  if (object.points.length) parts.push(`${object.points.length} pt`);
  if (object.box) parts.push('box');
  if (object.edits) parts.push('painted');
  return parts.join(', ') || 'empty';
}

function made(tag, values) {
  return Object.assign(document.createElement(tag), values);
}
