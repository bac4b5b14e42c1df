// A photo comes in: chosen, dropped, pasted or taken with the camera. It is uploaded as a file and read by the server's guard.
async function send(file) {
  root.classList.add('is-loading');
  setBusy(true);
  say(`Reading ${file.name}`);
  try {
    const { path } = await upload(file);
    askPhoto({ upload: path, name: file.name });
  } catch (problem) {
    askPhoto({ failed: String(problem.message || problem), name: file.name });
  } finally {
    root.classList.remove('is-loading');
  }
}

function choose() {
  root.querySelector('.stage-file').click();
}

function listenPhoto() {
  const input = root.querySelector('.stage-file');
  input.addEventListener('change', () => {
    if (input.files[0]) send(input.files[0]);
    input.value = '';
  });
  root.addEventListener('dragover', (event) => { event.preventDefault(); root.classList.add('is-over'); });
  root.addEventListener('dragleave', () => root.classList.remove('is-over'));
  root.addEventListener('drop', (event) => {
    event.preventDefault();
    root.classList.remove('is-over');
    const file = event.dataTransfer.files[0];
    if (file) send(file);
  });
  document.addEventListener('paste', (event) => {
    if (!root.isConnected || !root.offsetParent) return;
    const file = [...event.clipboardData.files].find((item) => item.type.startsWith('image/'));
    if (file) send(file);
  });
}

async function camera() {
  const dialog = root.querySelector('.stage-camera');
  const video = dialog.querySelector('video');
  const note = dialog.querySelector('p');
  let stream = null;
  const stop = () => { if (stream) stream.getTracks().forEach((track) => track.stop()); };
  dialog.addEventListener('close', stop, { once: true });
  dialog.showModal();
  try {
    if (!navigator.mediaDevices) throw new Error('the browser allows it on https or localhost only');
    note.textContent = 'Asking for the camera';
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
    video.srcObject = stream;
    note.textContent = '';
    if (!dialog.open) stop();
  } catch (problem) {
    note.textContent = `No camera: ${problem.message}. Open a photo instead.`;
  }
  dialog.querySelector('[data-take]').onclick = () => {
    if (!video.videoWidth) return;
    const canvas = blank(video.videoWidth, video.videoHeight);
    canvas.getContext('2d').drawImage(video, 0, 0);
    canvas.toBlob((data) => send(new File([data], 'camera.jpg', { type: 'image/jpeg' })), 'image/jpeg', 0.95);
    dialog.close();
  };
}
