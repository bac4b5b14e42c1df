// The stage's state, its messages from the server and its actions to it. All stage_*.js files share one scope per stage;
// element, trigger, props, upload and watch come from gradio. Coordinates are pixels of the original photo everywhere.
const root = element.querySelector('.stage');
const settings = JSON.parse(root.dataset.settings);
const room = settings.room;
const KEPT = `vitrine.${room}.work`;
const ACK_MS = 5000;

const S = {
  photo: null,
  doc: { objects: [], active: 0, can_undo: false, can_redo: false },
  masks: new Map(),
  captions: {},
  shown: settings.views.map((view) => view.key),
  revision: -1,
  busy: false,
  loading: false,
  mode: 'add',
  layout: 'all',
  zoom: 1,
  center: null,
  cursor: null,
  hover: null,
  corner: null,
  waiting: [],
  inFlight: null,
  seq: 0,
  ackTimer: 0,
  views: [],
  chain: Promise.resolve(),
  asked: '',
  key: '',
  settleTimer: 0,
  brush: 14,
  stroke: null,
  preview: null,
  previews: true,
};

// ---- actions up: one batch at a time, in order; what happens meanwhile joins the next batch, so the last wins

function act(action) {
  if (!S.photo || S.loading) return;
  S.waiting.push(action);
  dropPreview();
  if (action.do === 'point' || action.do === 'box') setBusy(true);
  flush();
  repaint();
}

function flush() {
  if (S.inFlight || !S.waiting.length) return;
  S.inFlight = S.waiting;
  S.waiting = [];
  S.seq += 1;
  const batch = { actions: S.inFlight, seq: S.seq, base: S.photo.base };
  clearTimeout(S.settleTimer);
  if (S.key) sendDirect(batch); else sendEvent(batch);
}

// An event gives no sign of its own when its answer is overtaken, so waiting for it has an end.
function sendEvent(batch) {
  clearTimeout(S.ackTimer);
  S.ackTimer = setTimeout(acknowledged, ACK_MS);
  trigger('act', batch);
}

function acknowledged() {
  clearTimeout(S.ackTimer);
  S.inFlight = null;
  flush();
}

// Points and strokes the user has set and the server has not confirmed yet: drawn at once.
function unconfirmed() {
  return [...(S.inFlight || []), ...S.waiting].filter((action) => action.do === 'point' || action.do === 'stroke');
}

// Another photo is on its way: what is clicked until then would land on the wrong one.
function askPhoto(request) {
  S.loading = true;
  S.waiting = [];
  setBusy(true);
  trigger('photo', request);
}

function setBusy(busy) {
  S.busy = busy;
  root.classList.toggle('is-busy', busy);
}

// ---- messages down

// In the order of arrival, one after the other, although pictures are decoded in between.
function take(message) {
  S.chain = S.chain.then(() => receive(message)).catch((problem) => console.error('stage:', problem));
  return S.chain;
}

async function receive(message) {
  if (!message || typeof message !== 'object') return;
  if (message.direct) S.key = message.direct;
  if (message.direct && message.revision === undefined) return;
  if (message.lost) {
    S.revision = -1;
    S.waiting = [];
    acknowledged();
    trigger('restore', keptWork() || {});
    return;
  }
  const fresh = message.revision === undefined || message.revision >= S.revision;
  if (message.masks) keepMasks(message.masks);
  if (!fresh) return;
  if (message.revision !== undefined) S.revision = Math.max(S.revision, message.revision);
  if (message.document) S.doc = message.document;
  if (message.photo) await showPhoto(message.photo);
  if (message.photo || !message.busy) S.loading = false;
  if (message.captions) S.captions = message.captions;
  if (message.shown) S.shown = message.shown;
  if (message.outlets) fillOutlets(message.outlets);
  if (message.example !== undefined) root.classList.toggle('is-example', message.example);
  setBusy(Boolean(message.busy));
  // The batch that the masks on screen answer: what a test, or a person measuring, waits for.
  if (message.seq !== undefined && !message.busy) root.dataset.answered = String(message.seq);
  if (message.seq !== undefined && message.seq >= S.seq) acknowledged();
  refresh();
  if (message.keep) keepWork(message.keep);
  if (message.settle) settle(message.pending);
  missing(message);
}

// A message can be overtaken by the next one before the page sees it; what it carried is asked for once more.
function missing(message) {
  const keys = S.doc.objects.map((o) => o.key).filter((key) => key && !S.masks.has(key));
  const photo = message.photo_id && S.photo && message.photo_id !== S.photo.id;
  const lacking = `${S.revision} ${keys.join(' ')} ${photo ? message.photo_id : ''}`;
  if (S.busy || S.inFlight || (!keys.length && !photo) || S.asked === lacking) return;
  S.asked = lacking;
  act({ do: 'resend', masks: keys, photo });
}

async function showPhoto(photo) {
  if (S.photo && S.photo.id === photo.id) return;
  const image = await loaded(photo.src);
  const same = S.photo && S.photo.width === photo.width && S.photo.height === photo.height && S.photo.base === photo.base;
  S.photo = { ...photo, image };
  if (!same) {
    S.masks = new Map([...S.masks].filter(([key]) => S.doc.objects.some((o) => o.key === key)));
    S.corner = null;
    S.cursor = null;
    fit();
  }
}

function keepWork(work) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(work));
  } catch (problem) {
    console.info('the browser keeps no copy of this work:', problem.name);
  }
}

function keptWork() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) || 'null');
  } catch (problem) {
    return null;
  }
}

function say(text) {
  root.querySelector('.stage-say').textContent = text;
}

function current() {
  return S.doc.objects.find((o) => o.id === S.doc.active);
}
