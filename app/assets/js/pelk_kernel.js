// Says what lies under the pointer on a picture of the kernel: bins, cell, taps. element comes from gradio.
const readout = (figure, text) => {
  let line = figure.querySelector('.pk-read');
  if (!line) { line = document.createElement('p'); line.className = 'pk-read'; figure.append(line); }
  line.textContent = text;
};
element.addEventListener('pointermove', (event) => {
  const image = event.target.closest('[data-kernel] img');
  if (!image) return;
  const grid = image.closest('[data-grid]').dataset.grid.split(',').map(Number);
  const side = grid.reduce((sum, size) => sum + size, 0);
  const box = image.getBoundingClientRect();
  const at = [event.clientY - box.top, event.clientX - box.left].map((place, axis) => {
    const tap = Math.min(side - 1, Math.max(0, Math.floor((place / [box.height, box.width][axis]) * side)));
    let bin = 0;
    for (let left = tap; left >= grid[bin]; bin += 1) left -= grid[bin];
    return { tap: tap - (side - 1) / 2, bin: bin - (grid.length - 1) / 2, size: grid[bin] };
  });
  const [row, column] = at;
  readout(image.closest('figure'), `offset ${column.tap}, ${row.tap}: bins ${column.bin}, ${row.bin}, cell ${column.size} x ${row.size} = ${column.size * row.size} taps`);
});
element.addEventListener('pointerout', (event) => {
  const figure = event.target.closest && event.target.closest('[data-kernel]');
  if (figure) { const line = figure.querySelector('.pk-read'); if (line) line.remove(); }
});
