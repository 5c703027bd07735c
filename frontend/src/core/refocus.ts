/** The keyboard stays where it is when a panel is made anew.
 *
 * Dash makes every element under a changed `children` anew, even one that says the same, and the browser then puts the focus on
 * nothing: whoever works by keyboard would begin at the top of the page with every change. The same control of the same part of
 * the page takes it over; where there is none, or somebody has left it before, nothing is done. */
const HELD = 'a[href],button,summary,[tabindex]';

interface Held {
  el: HTMLElement;
  /** Ids of what it stands in, inner first: the inner ones may be made anew as well. */
  within: string[];
  sign: string;
  /** Its place among those of the same sign. */
  place: number;
}

/** What makes a control the same one: its kind, what it is called, which record it is of. What it sends may have changed: JSON is no sign. */
function sign(el: HTMLElement): string {
  const data = Object.entries(el.dataset).map(([key, value]) => [key, /^[[{]/.test(value ?? '') ? '' : value]);
  return JSON.stringify([el.tagName, el.id, data, el.getAttribute('href'), el.getAttribute('aria-label') ?? el.textContent.trim()]);
}

function alike(box: Element, wanted: string): HTMLElement[] {
  return [...box.querySelectorAll<HTMLElement>(HELD)].filter((el) => sign(el) === wanted);
}

function hold(el: HTMLElement): Held | null {
  const within: string[] = [];
  for (let box = el.parentElement; box && box !== document.body; box = box.parentElement) if (box.id) within.push(box.id);
  const [inner] = within;
  const box = inner === undefined ? null : document.getElementById(inner);
  if (!box) return null;
  const wanted = sign(el);
  return { el, within, sign: wanted, place: Math.max(0, alike(box, wanted).indexOf(el)) };
}

export function installRefocus(): void {
  let held: Held | null = null;
  document.addEventListener('focusin', ({ target }) => {
    held = target instanceof HTMLElement && target.matches(HELD) ? hold(target) : null;
  });
  document.addEventListener('focusout', ({ target }) => {
    // left on purpose: it is still on the page once this is over
    setTimeout(() => {
      if (held?.el === target && held?.el.isConnected && document.activeElement !== target) held = null;
    });
  });
  new MutationObserver(() => {
    if (!held || held.el.isConnected || document.activeElement !== document.body) return;
    const box = held.within.map((id) => document.getElementById(id)).find((found) => found !== null);
    const next = box ? alike(box, held.sign)[held.place] : undefined;
    held = null;
    next?.focus({ preventScroll: true });
  }).observe(document.body, { childList: true, subtree: true });
}
