// Builds the tool's elements once, connects buttons, fields and keys, and goes on with the project of the last visit.
function build() {
  const paths = tool.dataset.paths === '1';
  const folder = paths ? `<label class="pr-field"><span>or a folder on this machine</span><input type="text" name="path" placeholder="/data/photos" spellcheck="false"><small class="v-dim">Images stay where they are. A folder that already is a project is opened.</small></label><label class="pr-check"><input type="checkbox" name="beside"> Keep the project in that folder too</label>` : '';
  const forms = FORMS.map(([key, title]) => `<option value="${key}">${title}</option>`).join('');
  tool.innerHTML = `<div data-part="told"></div>
    <div class="pr-start"><section class="v-section"><h3>Projects</h3><div data-part="projects"></div></section>
      <form class="v-section pr-create"><h3>New project</h3>
        <label class="pr-field"><span>Name</span><input type="text" name="name" maxlength="80" placeholder="Birds, June"></label>
        <label class="pr-field"><span>Labels, with commas between</span><input type="text" name="labels" placeholder="bird, nest"></label>
        <div class="pr-field"><span>Images</span><div class="v-buttons"><button type="button" class="v-button" data-do="files">Choose images or a zip</button><button type="button" class="v-button" data-do="folder">Choose a folder to upload</button></div><small class="v-dim" data-chosen>none chosen</small></div>
        ${folder}<button class="v-button pr-go">Create project</button></form></div>
    <div class="pr-work"><div class="pr-head" data-part="head"></div>
      <div class="pr-columns"><section class="v-section"><div data-part="labels"></div><form class="pr-add"><input type="text" name="label" maxlength="60" placeholder="New label" aria-label="Name of a new label"><button class="v-button">Add</button></form></section>
        <section class="v-section" data-part="list"></section>
        <section class="v-section"><div data-part="image"></div><h3 class="pr-next">Export</h3><form class="pr-export"><select name="form" aria-label="Format">${forms}</select><select name="scope" aria-label="Which images"><option value="">all with objects</option><option value="done">only done</option></select><button class="v-button">Export</button></form></section></div></div>
    <input type="file" hidden multiple data-pick="files" accept="image/*,.zip"><input type="file" hidden webkitdirectory data-pick="folder"><input type="file" hidden multiple data-pick="more" accept="image/*,.zip"><input type="file" hidden data-pick="import" accept=".json,.zip">
    <dialog class="pr-ask"><p></p><button type="button" class="v-button" data-yes>Delete</button> <form method="dialog"><button class="v-button">Keep</button></form></dialog>`;
}

let chosen = [];
const pick = (name) => tool.querySelector(`[data-pick="${name}"]`);

function choose(files) {
  chosen = [...files];
  const first = chosen.slice(0, 3).map((file) => file.name).join(', ');
  tool.querySelector('[data-chosen]').textContent = chosen.length ? `${first}${chosen.length > 3 ? ` and ${chosen.length - 3} more` : ''}` : 'none chosen';
}

async function create(form) {
  const value = (name) => (form.elements[name] ? form.elements[name].value.trim() : '');
  const path = value('path');
  if (!chosen.length && !path) {
    P.now.problem = { what: 'The project has no images', why: '', remedy: 'Choose images, a zip or a folder' };
    draw();
    return;
  }
  const uploads = path ? [] : await uploaded(chosen);
  if (!uploads) return;
  send('create', { name: value('name'), labels: value('labels'), path, beside: Boolean(form.elements.beside && form.elements.beside.checked), uploads });
  choose([]);
}

const DOES = {
  open: (b) => send('open', { project: b.dataset.project }),
  delete: (b) => ask(`Delete the project ${b.dataset.name} with its images, labels and masks?`, () => send('delete', { project: b.dataset.project })),
  files: () => pick('files').click(),
  folder: () => pick('folder').click(),
  more: () => pick('more').click(),
  import: () => pick('import').click(),
  close: () => send('close'),
  halt: () => trigger('halt', {}),
  filter: (b) => send('list', { filter: b.dataset.filter, offset: 0 }),
  page: (b) => send('list', { filter: P.now.strip.filter, offset: Number(b.dataset.offset) }),
  go: (b) => send('go', { image: b.dataset.image }),
  step: (b) => send('step', { by: Number(b.dataset.by) }),
  todo: () => send('todo'),
  done: () => send('mark', { status: 'done', next: true }),
  mark: (b) => send('mark', { status: b.dataset.status }),
  reload: () => send('reload'),
  keep: () => send('keep'),
  label: (b) => give(labelOf(b.dataset.label)),
  unlabel: (b) => {
    const label = labelOf(b.closest('[data-label]').dataset.label);
    const kept = label.used ? ` ${many(label.used, 'object')} with it keep their masks and have no label then.` : '';
    ask(`Delete the label ${label.name}?${kept}`, () => send('label', { change: 'delete', id: label.id }));
  },
};

function onClick(event) {
  const button = event.target.closest('[data-do]');
  if (button && !button.disabled) DOES[button.dataset.do](button);
}

// The tab's content comes with the first visit to it; until then the tool waits where it was made.
function settle() {
  const place = document.querySelector(`#room-${room} .pr-place`);
  if (place && tool.parentElement !== place) place.append(tool);
}

build();
settle();
if (roomElement()) new MutationObserver(settle).observe(roomElement(), { childList: true, subtree: true });
tool.addEventListener('click', onClick);
bar.addEventListener('click', onClick);
tool.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.method === 'dialog') return;
  event.preventDefault();
  if (form.classList.contains('pr-create')) create(form);
  if (form.classList.contains('pr-export')) send('export', { form: form.elements.form.value, scope: form.elements.scope.value });
  if (form.classList.contains('pr-add') && form.elements.label.value.trim()) {
    send('label', { change: 'add', name: form.elements.label.value });
    form.reset();
  }
});
tool.addEventListener('change', async (event) => {
  const { target } = event;
  const label = target.closest('[data-label]');
  if (label) {
    const key = target.type === 'color' ? 'color' : target.tagName === 'SELECT' ? 'key' : 'name';
    if (key === 'name' && !target.value.trim()) target.value = labelOf(label.dataset.label).name;
    else send('label', { change: 'set', id: label.dataset.label, [key]: key === 'color' ? target.value.toUpperCase() : target.value });
  }
  if (target.matches('[data-note]')) send('note', { text: target.value });
  if (target.type !== 'file' || !target.files.length) return;
  const files = [...target.files];
  const name = target.dataset.pick;
  target.value = '';
  if (name === 'files' || name === 'folder') { choose(files); return; }
  const uploads = await uploaded(files);
  if (uploads) send(name === 'more' ? 'add' : 'import', { uploads });
});
tool.addEventListener('keydown', (event) => { if (event.key === 'Enter' && event.target.closest('.pr-label') && event.target.type === 'text') event.target.blur(); });
document.addEventListener('keydown', onKey);
for (const kind of ['pointerup', 'keyup']) document.addEventListener(kind, (event) => { if (tool.isConnected && roomElement() && roomElement().contains(event.target)) check(); });
document.addEventListener('visibilitychange', () => { if (tool.isConnected && !document.hidden) check(50); });
window.addEventListener('focus', () => { if (tool.isConnected) check(50); });
if (roomElement()) new ResizeObserver(drawBar).observe(roomElement());
setInterval(() => { if (tool.isConnected && isOpen() && !document.hidden) drawBar(); }, 1000);
watch('value', () => take(props.value));

const before = kept(KEPT);
draw();
if (before && before.project) send('back', before);
else trigger('check', {});
