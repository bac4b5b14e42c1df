// How a tool beside the stage works with it, by events on the stage's element. The stage stays the only one that knows
// what was clicked and not yet sent.

// An action for the object that clicks belong to, in order with the clicks before it.
root.addEventListener('vitrine:act', ({ detail }) => act({ id: S.doc.active, ...detail }));

// The photo is about to change: what was clicked goes out first, what is clicked from now on would land on the wrong one.
root.addEventListener('vitrine:leave', ({ detail }) => {
  S.loading = true;
  setBusy(true);
  const begun = Date.now();
  const go = () => (S.inFlight || S.waiting.length) && Date.now() - begun < ACK_MS ? setTimeout(go, 20) : detail.ready();
  go();
});
