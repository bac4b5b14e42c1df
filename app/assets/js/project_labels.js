// The labels: a list one can edit, and the hot-keys that give the active object its label.
function labelsPart() {
  const { labels } = P.now.project;
  const rows = labels.map((one) => {
    const keys = ['', 1, 2, 3, 4, 5, 6, 7, 8, 9].map((k) => `<option value="${k}" ${String(k) === one.key ? 'selected' : ''}>${k || '-'}</option>`);
    return `<div class="pr-label" data-label="${esc(one.id)}"><input type="color" value="${esc(one.color.toLowerCase())}" data-loose="1" aria-label="Colour of ${esc(one.name)}"><input type="text" value="${esc(one.name)}" maxlength="60" aria-label="Name of the label"><select data-loose="1" aria-label="Hot-key of ${esc(one.name)}">${keys.join('')}</select><span class="object-count">${one.used}</span><button type="button" class="v-button" data-do="unlabel" aria-label="Delete label ${esc(one.name)}">Delete</button></div>`;
  });
  const hint = labels.length ? 'A hot-key gives the active object its label.' : 'Add a label; its hot-key then gives the active object that label.';
  return `<h3>Labels</h3><p class="v-dim">${hint}</p>${rows.join('')}`;
}

function labelOf(id) {
  return isOpen() && P.now.project.labels.find((one) => one.id === id);
}

// The active object gets the label and its colour as one step; the same label once more takes it away.
function give(label) {
  const stage = stageElement();
  if (!label || !stage || !P.now.image) return;
  const same = activeLabel() === label.name;
  const detail = same ? { do: 'label', label: '' } : { do: 'label', label: label.name, color: label.color };
  stage.dispatchEvent(new CustomEvent('vitrine:act', { detail }));
  setTimeout(drawBar, 250);
  check();
}

const typing = (target) => target instanceof Element && (target.isContentEditable || (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.type !== 'checkbox' && target.type !== 'range'));
const ACTION_KEYS = {
  PageDown: () => send('step', { by: 1 }),
  '.': () => send('step', { by: 1 }),
  PageUp: () => send('step', { by: -1 }),
  ',': () => send('step', { by: -1 }),
  m: () => P.now.image && send('mark', { status: 'done', next: true }),
  t: () => send('todo'),
};

function onKey(event) {
  if (!tool.isConnected || !isOpen() || !visible() || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || typing(event.target)) return;
  if (document.querySelector('dialog[open]')) return;
  const label = /^[1-9]$/.test(event.key) && P.now.project.labels.find((one) => one.key === event.key);
  if (label) {
    event.preventDefault();
    give(label);
    return;
  }
  const action = ACTION_KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  if (!event.repeat) action();
}
