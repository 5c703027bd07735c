() => {
  const bad = [], seen = el => {
    const s = getComputedStyle(el), r = el.getBoundingClientRect();
    return s.visibility !== 'hidden' && s.display !== 'none' && +s.opacity > 0.05 && r.width > 1 && r.height > 1 &&
      r.right > 0 && r.bottom > 0 && r.left < innerWidth && r.top < innerHeight;
  };
  const name = el => (el.className && el.className.baseVal === undefined ? '.' + String(el.className).trim().replace(/\s+/g, '.') : el.tagName) +
    ' "' + (el.textContent || '').trim().slice(0, 24) + '"';
  const leaves = [...document.body.querySelectorAll('*')].filter(el => {
    if (el.closest('canvas,svg,dialog:not([open]),details:not([open]) > :not(summary),details:not([open]) > :not(summary) *,.sr-only,[aria-hidden="true"],[hidden],template,script,style')) return false;
    if (![...el.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) return false;
    return seen(el);
  });
  const clipped = el => { const s = getComputedStyle(el); return s.textOverflow === 'ellipsis' || s.webkitLineClamp !== 'none'; };
  for (const el of leaves) {
    if (el.scrollWidth > el.clientWidth + 1 && el.clientWidth > 0 && getComputedStyle(el).display !== 'inline') {
      const number = el.closest('.num, b') && /^[\d.,:%−+-]+$/.test(el.textContent.trim());
      if (!clipped(el) || number) bad.push({kind: 'overflow', what: name(el)});
    }
    const r = el.getBoundingClientRect();
    if ((r.right > innerWidth + 1 || r.left < -1) && !el.closest('[data-scrolls]')) bad.push({kind: 'outside', what: name(el)});
  }
  // What scrolls away below an opaque bar that stays (a phone's nav) is covered, not overlapped.
  const bar = el => {
    for (let p = el; p && p !== document.body; p = p.parentElement) {
      const s = getComputedStyle(p);
      if (/fixed|sticky/.test(s.position)) return /rgba\(.*, 0(\.\d+)?\)|transparent/.test(s.backgroundColor) ? null : p;
    }
    return null;
  };
  const range = document.createRange(), boxes = [];
  for (const el of leaves) {
    if (el.closest('[data-overlay]')) continue;
    for (const n of el.childNodes) if (n.nodeType === 3 && n.textContent.trim()) {
      range.selectNodeContents(n);
      let r = range.getBoundingClientRect();
      let box = {left: r.left, right: r.right, top: r.top, bottom: r.bottom}, scrolls = false;
      for (let p = el; p && p !== document.body; p = p.parentElement) {
        const flow = getComputedStyle(p).overflowY;
        if (/auto|scroll/.test(flow)) scrolls = true;
        if (flow !== 'visible') {
          const q = p.getBoundingClientRect();
          box = {left: Math.max(box.left, q.left), right: Math.min(box.right, q.right), top: Math.max(box.top, q.top), bottom: Math.min(box.bottom, q.bottom)};
        }
      }
      // Part of a line is neither shown nor hidden; a list that scrolls may end in the middle of a row.
      const part = (box.bottom - box.top) / (r.bottom - r.top);
      if (!scrolls && r.width > 2 && part > 0.05 && part < 0.72) bad.push({kind: 'cut', what: name(el)});
      const shrink = (box.bottom - box.top) * 0.22;   // line boxes are taller than glyphs
      box.top += shrink; box.bottom -= shrink;
      if (box.right - box.left > 2 && box.bottom - box.top > 2) boxes.push({el, ...box});
    }
  }
  for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
    const a = boxes[i], b = boxes[j];
    if (a.el.contains(b.el) || b.el.contains(a.el) || bar(a.el) !== bar(b.el)) continue;
    const w = Math.min(a.right, b.right) - Math.max(a.left, b.left), h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (w > 2 && h > 2) bad.push({kind: 'overlap', what: name(a.el) + ' and ' + name(b.el)});
  }
  const root = document.documentElement;
  if (document.body.dataset.surface === 'wall' || root.dataset.surface === 'wall') {
    if (root.scrollHeight > innerHeight + 1 || root.scrollWidth > innerWidth + 1) bad.push({kind: 'scroll', what: root.scrollWidth + 'x' + root.scrollHeight});
  } else if (root.scrollWidth > innerWidth + 1) bad.push({kind: 'scroll', what: 'sideways ' + root.scrollWidth});
  // A canvas of another size than MapLibre draws for, or of another shape than its place: its picture is squeezed.
  for (const {map} of Object.values(window.iocMaps || {})) {
    const c = map.getCanvas(), {width, height} = map.painter, ratio = c.width / c.clientWidth;
    if (c.width !== width || c.height !== height || Math.abs(c.height - c.clientHeight * ratio) > 1) {
      bad.push({kind: 'squeezed', what: [c.width, c.height, width, height, c.clientWidth, c.clientHeight].join()});
    }
  }
  const cv = document.createElement('canvas'); cv.width = cv.height = 40;
  const g = cv.getContext('2d', {willReadFrequently: true}); g.textBaseline = 'top';
  const bits = (ch, font) => { g.clearRect(0, 0, 40, 40); g.font = '30px ' + font; g.fillText(ch, 2, 2); return g.getImageData(0, 0, 40, 40).data.join(); };
  const chars = new Set(leaves.flatMap(el => [...el.textContent]).filter(c => /[\u2e80-\u9fff\u3400-\u4dbf]/.test(c)));
  const font = getComputedStyle(document.body).fontFamily, missing = bits('\u{10FFFD}', font);
  for (const ch of chars) if (bits(ch, font) === missing) bad.push({kind: 'tofu', what: ch});
  return bad;
}
