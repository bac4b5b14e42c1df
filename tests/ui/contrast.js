() => {
  const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const over = (top, under) => { const a = top[3] === undefined ? 1 : top[3]; return [0, 1, 2].map((i) => top[i] * a + under[i] * (1 - a)); };
  const ground = (element) => {
    const stack = [];
    for (let e = element; e; e = e.parentElement) stack.push(parse(getComputedStyle(e).backgroundColor));
    return stack.reverse().reduce((under, top) => (top.length ? over(top, under) : under), [255, 255, 255]);
  };
  const light = (c) => { const [r, g, b] = c.map((v) => { const s = v / 255; return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const told = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.offsetParent || element.closest('[disabled], [aria-hidden="true"], option, script, style, .stage-say')) continue;
    const style = getComputedStyle(element);
    if (Number(style.opacity) < 1 || style.visibility === 'hidden') continue;
    const back = ground(element);
    const [a, b] = [light(over(parse(style.color), back)), light(back)];
    told.push([element.textContent.trim().slice(0, 40) + ' ' + element.className, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return told;
}
