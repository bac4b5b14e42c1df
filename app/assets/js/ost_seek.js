// A click, or Enter, on anything with data-second inside shows that moment in the room's player. element comes from gradio.
const seek = (event) => {
  const place = event.target.closest('[data-second]');
  const video = document.querySelector('#ost-video video');
  if (!place || !video) return;
  video.pause();
  video.currentTime = Number(place.dataset.second) + 0.001;
  element.querySelectorAll('.os-at').forEach((old) => old.classList.remove('os-at'));
  place.classList.add('os-at');
  const number = document.querySelector('#ost-stretch input');
  if (place.dataset.stretch && number) {
    number.value = place.dataset.stretch;
    number.dispatchEvent(new Event('input', {bubbles: true}));
  }
};
element.addEventListener('click', seek);
element.addEventListener('keydown', (event) => { if (event.key === 'Enter') seek(event); });
