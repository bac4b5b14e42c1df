// The page around the rooms: theme switch, help, status strip, receipts. Runs once, when the page is ready.
() => {
  const THEME = 'vitrine.theme';
  const dark = () => document.body.classList.contains('dark');
  const label = () => { const b = document.querySelector('[data-shell="theme"]'); if (b) b.textContent = dark() ? 'Light' : 'Dark'; };
  const setTheme = (name) => { document.body.classList.toggle('dark', name === 'dark'); label(); window.dispatchEvent(new Event('resize')); };
  const asked = new URLSearchParams(location.search).get('__theme');
  const kept = localStorage.getItem(THEME);
  if (!asked && kept) setTheme(kept); else label();

  const help = () => document.getElementById('v-help');
  const download = (text, name) => {
    const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(new Blob([text], { type: 'application/json' })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const told = (button, text) => { const was = button.textContent; button.textContent = text; setTimeout(() => { button.textContent = was; }, 1200); };

  document.addEventListener('click', async (event) => {
    const shell = event.target.closest('[data-shell]');
    if (shell && shell.dataset.shell === 'theme') {
      setTheme(dark() ? 'light' : 'dark');
      localStorage.setItem(THEME, dark() ? 'dark' : 'light');
    }
    if (shell && shell.dataset.shell === 'help') help().showModal();
    const button = event.target.closest('[data-receipt-do]');
    if (!button) return;
    const { receipt, room } = button.closest('.v-receipt').dataset;
    if (button.dataset.receiptDo === 'save') download(receipt, `${room}-receipt.json`);
    else {
      const address = `${location.origin}${location.pathname}?room=${room}`;
      try {
        await navigator.clipboard.writeText(button.dataset.receiptDo === 'copy' ? receipt : address);
        told(button, 'Copied');
      } catch (problem) {
        told(button, 'Not allowed');
      }
    }
  });
  document.addEventListener('keydown', (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== 'range';
    if (event.key === '?' && !typing && help()) { event.preventDefault(); help().showModal(); }
  });

  // One open stream per visible tab, none for hidden ones: browsers allow few connections to one host.
  const text = (value) => { const span = document.createElement('span'); span.textContent = value; return span.outerHTML; };
  const show = (now) => {
    const strip = document.getElementById('v-status');
    if (!strip) return;
    const models = now.residents.map((r) => `${r.label} ${r.bytes}${r.leased ? ' (in use)' : ''}`);
    strip.innerHTML = [now.device, ...models.slice(0, 2), models.length > 2 ? `${models.length - 2} more` : '', now.text].filter(Boolean).map(text).join('');
    strip.title = [now.memory, ...models].filter(Boolean).join('\n');
    strip.dataset.busy = String(!now.text.startsWith('idle'));
  };
  let stream = null;
  const listen = () => {
    if (document.hidden) { if (stream) stream.close(); stream = null; return; }
    if (stream) return;
    stream = new EventSource('vitrine/status');
    stream.onmessage = (event) => show(JSON.parse(event.data));
  };
  document.body.dataset.vitrine = 'ready';
  setTimeout(listen, 1500);
  document.addEventListener('visibilitychange', listen);
}
