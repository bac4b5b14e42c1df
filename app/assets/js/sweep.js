// A clicked picture, bar or column of a sweep sets the room's controls. element and trigger come from gradio.
const chosen = (event) => {
  const target = event.target.closest('[data-degrade]');
  if (target) trigger('act', JSON.parse(target.dataset.degrade));
};
element.addEventListener('click', chosen);
element.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' && event.key !== ' ') return;
  if (!event.target.closest('g[data-degrade]')) return;
  event.preventDefault();
  chosen(event);
});
