// The short way to the server: one request for a batch of actions, one answer with what changed. Gradio's events follow
// for the state line and the receipt, and do everything when this way is closed.
const SETTLE_MS = 150;

async function call(verb, body, signal) {
  const answer = await fetch(`vitrine/direct/${room}/${verb}`, {
    method: 'POST', signal, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', 'X-Vitrine-Key': S.key },
  });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}

async function sendDirect(batch) {
  try {
    const message = await call('act', batch);
    await take(message);
  } catch (problem) {
    // The same batch again, as an event: the server does a batch once, however often it arrives.
    console.info('stage: the direct way is closed:', problem.message);
    S.key = '';
    sendEvent(batch);
  }
}

// After a run of quick clicks the rest follows once; an answer that takes long is fetched by the event at once.
function settle(pending) {
  clearTimeout(S.settleTimer);
  S.settleTimer = setTimeout(() => {
    if (!S.inFlight) trigger('act', { actions: [], seq: S.seq, base: S.photo.base });
  }, pending ? 0 : SETTLE_MS);
}
