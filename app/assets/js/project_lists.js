// What the tool shows: the list of projects, the open project with its images, the bar at the foot of the window.
const STATUS = { todo: ['to do', '&#9675;'], work: ['in work', '&#9680;'], done: ['done', '&#9679;'], missing: ['missing', '&#10005;'] };
const FORMS = [['coco', 'COCO, run lengths'], ['coco_polygon', 'COCO, polygons'], ['yolo', 'YOLO-seg'], ['label_studio', 'Label Studio'], ['png', 'PNG masks'], ['rgba', 'Cut-outs RGBA'], ['npy', 'NumPy npy'], ['npz', 'NumPy npz']];

function draw() {
  tool.dataset.view = isOpen() ? 'project' : 'start';
  fill(tool.querySelector('[data-part="told"]'), toldPart());
  fill(tool.querySelector('[data-part="projects"]'), isOpen() ? '' : projectsPart());
  if (isOpen()) {
    fill(tool.querySelector('[data-part="head"]'), headPart());
    fill(tool.querySelector('[data-part="labels"]'), labelsPart());
    fill(tool.querySelector('[data-part="list"]'), listPart());
    fill(tool.querySelector('[data-part="image"]'), imagePart());
  }
  drawBar();
}

function toldPart() {
  const { problem, told, busy } = P.now;
  const now = P.uploading || busy;
  const parts = [];
  if (now) parts.push(`<div class="v-state" data-state="running" role="status"><b>Running</b><span>${esc(now)}</span>${P.uploading ? '' : '<button type="button" class="v-button" data-do="halt">Stop</button>'}</div>`);
  if (problem) parts.push(`<div class="v-error" role="alert"><p><strong>${esc(problem.what)}.</strong> <span>${[problem.why, problem.remedy].filter(Boolean).map((t) => `${esc(t)}.`).join(' ')}</span></p></div>`);
  if (told && !now) parts.push(`<p class="pr-told" role="status">${esc(told)}</p>`);
  return parts.join('');
}

function projectsPart() {
  const list = P.now.projects || [];
  if (!list.length) return '<p class="v-dim">No projects yet. A project keeps images, labels and masks together; it is saved at every change and can be resumed at any time.</p>';
  const rows = list.map((one) => `<li><button type="button" class="pr-open" data-do="open" data-project="${esc(one.id)}" ${one.problem ? 'disabled' : ''}><b>${esc(one.name)}</b><span>${one.problem ? esc(one.problem) : many(one.images, 'image')}</span></button><button type="button" class="v-button" data-do="delete" data-project="${esc(one.id)}" data-name="${esc(one.name)}" aria-label="Delete project ${esc(one.name)}">Delete</button></li>`);
  return `<ul class="pr-projects">${rows.join('')}</ul>`;
}

function headPart() {
  const { project } = P.now;
  const { done, missing } = project.counts;
  const share = project.total ? (100 * done) / project.total : 0;
  const pace = project.median ? `, ${esc(project.median)} per image (median)` : '';
  const lost = missing ? `<span class="pr-warn">${missing} missing</span>` : '';
  const broken = project.damaged ? `<span class="pr-warn">${project.damaged} damaged lines in its log were passed over</span>` : '';
  return `<h3>${esc(project.name)}</h3>
    <div class="pr-progress"><span class="v-progress" role="progressbar" aria-label="Images done" aria-valuemin="0" aria-valuemax="${project.total}" aria-valuenow="${done}"><i style="width:${share}%"></i></span><span>${done} of ${project.total} done${pace}</span>${lost}${broken}</div>
    <div class="v-buttons"><button type="button" class="v-button" data-do="more" title="More images or zips">Add images</button><button type="button" class="v-button" data-do="import" title="COCO or Label Studio JSON, or a zip of YOLO, PNG or npy files">Import annotations</button>
    <button type="button" class="v-button" data-do="close">Close project</button></div>`;
}

function listPart() {
  const { strip, project } = P.now;
  const counts = { '': project.total, ...project.counts };
  const filters = ['', 'todo', 'work', 'done', 'missing'].filter((f) => f !== 'missing' || counts.missing || strip.filter === 'missing');
  const chips = filters.map((f) => `<button type="button" data-do="filter" data-filter="${f}" aria-pressed="${strip.filter === f}">${f ? STATUS[f][0] : 'all'} ${counts[f]}</button>`);
  const items = strip.items.map((one) => {
    const key = one.missing ? 'missing' : one.status;
    const count = one.objects ? `<em>${one.objects}</em>` : '';
    return `<button type="button" class="pr-item" role="option" data-do="go" data-image="${esc(one.id)}" data-status="${key}" aria-selected="${one.current}" title="${esc(one.name)}: ${STATUS[key][0]}, ${many(one.objects, 'object')}"><i aria-hidden="true">${STATUS[key][1]}</i><span>${esc(one.name)}</span>${count}</button>`;
  });
  const last = Math.min(strip.total, strip.offset + strip.page);
  const pager = strip.total > strip.page ? `<div class="pr-pager"><button type="button" class="v-button" data-do="page" data-offset="${strip.offset - strip.page}" ${strip.offset ? '' : 'disabled'} aria-label="Earlier images">&lsaquo;</button><span>${strip.offset + 1}-${last} of ${strip.total}</span><button type="button" class="v-button" data-do="page" data-offset="${last}" ${last < strip.total ? '' : 'disabled'} aria-label="Later images">&rsaquo;</button></div>` : '';
  const empty = strip.items.length ? '' : `<p class="v-dim">${project.total ? 'No image is like that.' : 'No images yet: add some.'}</p>`;
  return `<h3>Images</h3><div class="pr-filters" role="group" aria-label="Filter">${chips.join('')}</div><div class="pr-items" role="listbox" aria-label="Images">${items.join('')}</div>${empty}${pager}`;
}

function imagePart() {
  const { image } = P.now;
  if (!image) return '<h3>Image</h3><p class="v-dim">Choose an image from the list: it opens above with its saved objects.</p>';
  const marks = ['todo', 'work', 'done'].map((s) => `<button type="button" data-do="mark" data-status="${s}" aria-pressed="${image.status === s}">${STATUS[s][0]}</button>`);
  const notes = [];
  if (image.left_out) notes.push(`${image.left_out} more objects are kept and exported, but not shown here.`);
  if (image.missing) notes.push('Its file is gone; its labels are kept and exported.');
  return `<h3>Image ${image.number}</h3><p class="pr-name">${esc(image.name)}</p>
    <div class="pr-filters" role="group" aria-label="Status">${marks.join('')}</div>
    <p class="v-dim">${many(image.objects, 'object')} saved. ${notes.map(esc).join(' ')}</p>
    <label class="pr-field"><span>Note</span><textarea data-note rows="2" maxlength="2000" placeholder="Anything the next person should know">${esc(image.note)}</textarea></label>`;
}

// ---- the bar: everything needed while the eyes are on the stage

const bar = document.createElement('div');
bar.className = 'pr-bar';
bar.hidden = true;

function drawBar() {
  if (!bar.isConnected) (document.querySelector('.gradio-container') || document.body).append(bar);
  const shown = isOpen() && visible();
  bar.hidden = !shown;
  document.body.classList.toggle('has-pr-bar', shown);
  if (!shown) return;
  const { project, image, others } = P.now;
  const [text, tone] = savedText();
  const label = activeLabel();
  const labels = project.labels.filter((l) => l.key).sort((a, b) => a.key.localeCompare(b.key)).map((l) => `<button type="button" class="pr-key" data-do="label" data-label="${esc(l.id)}" aria-pressed="${l.name === label}" title="Label of the active object: ${esc(l.name)} (${l.key})" style="--key:${esc(l.color)}"><kbd>${l.key}</kbd>${esc(l.name)}</button>`);
  const where = image ? `<b>${image.number} of ${project.total}</b> <span class="pr-where" title="${esc(image.name)}">${esc(image.name)}</span>` : '<span class="v-dim">no image open</span>';
  const notice = others && image ? `<div class="pr-notice" role="alert"><span>This image was changed in another tab. Both versions are kept.</span><button type="button" class="v-button" data-do="reload">Reload</button><button type="button" class="v-button" data-do="keep">Keep mine</button></div>` : '';
  const waiting = Date.now() - P.moving < MOVE_MS;
  fill(bar, `${notice}<div class="pr-barline"><div class="v-buttons"><button type="button" class="v-button" data-do="step" data-by="-1" title="Previous image (PageUp or ,)" aria-label="Previous image">&lsaquo;</button><button type="button" class="v-button" data-do="step" data-by="1" title="Next image (PageDown or .)" aria-label="Next image">&rsaquo;</button></div>
    <div class="pr-here">${waiting ? '<span class="v-dim">opening</span>' : where}</div>
    <div class="pr-keys" role="group" aria-label="Label of the active object">${labels.join('')}</div>
    <button type="button" class="v-button pr-done" data-do="done" ${image ? '' : 'disabled'} title="Mark as done, go on to the next to do (m)">${image && image.status === 'done' ? 'Done, next' : 'Mark done, next'}</button>
    <button type="button" class="v-button" data-do="todo" title="Next image to do (t)">Next to do</button>
    <span class="pr-saved" data-tone="${tone}" role="status">${esc(text)}</span></div>`);
}

// The stage keeps its document in the browser; the active object's label is read from there.
function activeLabel() {
  const work = kept(WORK);
  const doc = work && work.document;
  const object = doc && doc.objects.find((o) => o.id === doc.active);
  return object ? object.label : '';
}
