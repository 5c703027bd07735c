/* What is wrong with the words of an English page, as a list of sentences (tests/browser/test_desk_english.py). */
() => {
  const words = () => {
    const odd = [];
    const bad = /[\u3000-\u303f\u3400-\u9fff\uff01-\uff60]|\{\w+\}|^\s*[a-z]+(\.[a-z_0-9]+){1,4}\s*$|\bundefined\b|\bNaN\b|\[object/;
    const where = (el) => { const p = []; for (let e = el; e && p.length < 4; e = e.parentElement) p.unshift(e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + (typeof e.className === 'string' && e.className ? '.' + e.className.trim().split(/\s+/).join('.') : '')); return p.join(' > '); };
    const own = (el) => el.closest('[lang|=zh],script,style,noscript,footer[hidden],.rows-data');
    const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const el = walk.currentNode.parentElement;
      if (el && bad.test(walk.currentNode.data) && !own(el)) odd.push(walk.currentNode.data.trim().slice(0, 60) + '  @ ' + where(el));
    }
    for (const el of document.querySelectorAll('[title],[aria-label],[placeholder],[alt],[aria-description]'))
      for (const name of ['title', 'aria-label', 'placeholder', 'alt', 'aria-description'])
        if (el.hasAttribute(name) && bad.test(el.getAttribute(name)) && !own(el)) odd.push(name + '=' + el.getAttribute(name).slice(0, 60) + '  @ ' + where(el));
    return [...new Set(odd)];
  };
  const cut = () => {
    const odd = [];
    const name = (el) => el.tagName.toLowerCase() + (typeof el.className === 'string' ? '.' + el.className.trim().split(/\s+/).join('.') : '') + ' "' + (el.textContent || '').trim().slice(0, 40) + '"';
    for (const el of document.querySelectorAll('main button, main a.btn, main h2, main h3, main th, main label, dialog[open] :is(button, h2, label, p, dt, dd)')) {
      const r = el.getBoundingClientRect();
      if (!r.width || !r.height || getComputedStyle(el).visibility === 'hidden' || el.closest('[hidden],.maplibregl-map,.tl,.vilmarks')) continue;
      for (let box = el; box && box !== document.body; box = box.parentElement) {
        const s = getComputedStyle(box);
        if (s.textOverflow === 'ellipsis' && s.overflowX !== 'visible' && !el.matches('button:not(.ellip),a.btn')) break;
        if (/auto|scroll/.test(s.overflowX) && !(box.matches('.tabs,.flt') && innerWidth > 1280)) break;
        const b = box.getBoundingClientRect();
        if (box !== el && /hidden|clip/.test(s.overflowX) && (r.right > b.right + 1.5 || r.left < b.left - 1.5)) { odd.push(name(el) + ' is cut by ' + name(box).slice(0, 60)); break; }
        if (box === el && /hidden|clip/.test(s.overflowX) && el.scrollWidth > el.clientWidth + 1) { odd.push(name(el) + ' is cut'); break; }
        if (s.position === 'fixed' || box.tagName === 'DIALOG') break;
      }
      if (r.right > innerWidth + 1 && !el.closest('[data-scrolls],.scroll')) odd.push(name(el) + ' is beside the window');
    }
    return [...new Set(odd)];
  };
  return [...words(), ...cut()];
}
