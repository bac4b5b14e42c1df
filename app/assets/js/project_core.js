// The project tool: what it knows, what it sends, what it gets. All project*.js files share one scope; element, trigger,
// props, upload and watch come from gradio. What is drawn comes from the server (robust_sam_project_view).
const tool = element.querySelector('.pr');
const room = tool.dataset.room;
const KEPT = `vitrine.${room}.project`;
const WORK = `vitrine.${room}.work`;
const CHECK_MS = 700;
const MOVE_MS = 15000;

const P = { now: {}, got: 0, moving: 0, checkTimer: 0, uploading: '', drafts: new Map() };

const esc = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const many = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;
const roomElement = () => document.getElementById(`room-${room}`);
const stageElement = () => document.querySelector(`#${room}-stage .stage`);
const isOpen = () => Boolean(P.now.project);
const visible = () => Boolean(roomElement() && roomElement().offsetParent);

// Verbs that put another photo on the stage: what was clicked goes out first.
const MOVES = new Set(['open', 'back', 'go', 'step', 'todo', 'reload', 'create', 'add', 'import']);

function send(verb, values = {}) {
  const request = { do: verb, ...values };
  const moves = MOVES.has(verb) || values.next;
  if (moves && Date.now() - P.moving < MOVE_MS) return;
  if (moves) P.moving = Date.now();
  const stage = stageElement();
  const go = () => trigger(verb === 'export' ? 'take' : 'do', request);
  request.leaves = Boolean(moves && stage && verb !== 'create' && verb !== 'add');
  if (request.leaves) stage.dispatchEvent(new CustomEvent('vitrine:leave', { detail: { ready: go } }));
  else go();
  draw();
}

function take(message) {
  if (!message || typeof message !== 'object') return;
  if (Object.keys(message).length === 1 && 'busy' in message) {
    P.now.busy = message.busy;
    draw();
    return;
  }
  P.now = message;
  P.got = Date.now();
  P.moving = 0;
  keep();
  draw();
  if (message.saving && message.saving.pending && !message.saving.problem) check();
}

// Which project and image to go on with after a reload.
function keep() {
  try {
    if (isOpen()) localStorage.setItem(KEPT, JSON.stringify({ project: P.now.project.id, image: P.now.image ? P.now.image.id : '' }));
    else localStorage.removeItem(KEPT);
  } catch (problem) {
    console.info('the browser does not keep which project is open:', problem.name);
  }
}

function kept(key) {
  try {
    return JSON.parse(localStorage.getItem(key) || 'null');
  } catch (problem) {
    return null;
  }
}

// After the user has done something, and when the page is looked at again: has it been saved, has another tab changed it?
function check(delay = CHECK_MS) {
  clearTimeout(P.checkTimer);
  if (isOpen()) P.checkTimer = setTimeout(() => { if (!document.hidden && !P.now.busy) trigger('check', {}); }, delay);
}

function savedText() {
  const { saving, at } = P.now;
  if (!saving) return ['', 'ok'];
  if (saving.problem) return [`not saved: ${saving.problem}`, 'bad'];
  if (saving.pending) return ['saving', 'ok'];
  if (!saving.at) return ['everything is saved', 'ok'];
  const seconds = Math.max(0, Math.round(at - saving.at + (Date.now() - P.got) / 1000));
  return [seconds < 2 ? 'saved just now' : seconds < 90 ? `saved ${seconds} s ago` : `saved ${Math.round(seconds / 60)} min ago`, 'ok'];
}

async function uploaded(files) {
  const list = [...files];
  const sent = new Array(list.length);
  let next = 0;
  const worker = async () => {
    while (next < list.length) {
      const at = next;
      next += 1;
      P.uploading = `Uploading ${at + 1} of ${list.length}`;
      draw();
      const { path } = await upload(list[at]);
      sent[at] = { upload: path, name: list[at].webkitRelativePath || list[at].name };
    }
  };
  try {
    await Promise.all([worker(), worker(), worker()]);
    return sent;
  } catch (problem) {
    P.now.problem = { what: 'The upload failed', why: String(problem.message || problem), remedy: 'Try again, or give a folder on this machine' };
    return null;
  } finally {
    P.uploading = '';
    draw();
  }
}

// A part of the page is replaced only when it has changed, and never under the hands of someone who types in it.
const drawn = new WeakMap();
function fill(place, markup) {
  if (!place || drawn.get(place) === markup) return;
  const active = document.activeElement;
  if (place.contains(active) && /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName) && active.type !== 'checkbox' && !active.dataset.loose) return;
  drawn.set(place, markup);
  place.innerHTML = markup;
}

function ask(text, action) {
  const dialog = tool.querySelector('.pr-ask');
  dialog.querySelector('p').textContent = text;
  const yes = dialog.querySelector('[data-yes]');
  yes.onclick = () => { dialog.close(); action(); };
  dialog.showModal();
}
