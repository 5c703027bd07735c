/** Small makers of elements. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Partial<Record<string, unknown>> = {}, ...children: (Node | string | null)[]): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === 'class') el.className = String(value);
    else if (key.startsWith('on')) el.addEventListener(key.slice(2), value as EventListener);
    else el.setAttribute(key, value === true ? '' : String(value));
  }
  el.append(...children.filter((c): c is Node | string => c !== null));
  return el;
}

/** A modal form; resolves with what `read` gives, null when it was left. Escape and the backdrop leave it. */
export function ask<T>(title: string, fields: Node[], read: () => T | null, ok: string, cancel: string): Promise<T | null> {
  return new Promise((done) => {
    let result: T | null = null;
    const form = h('form', { method: 'dialog' }, h('h3', {}, title), ...fields, h('div', { class: 'vact' }, h('button', { type: 'submit', class: 'btn p' }, ok), h('button', { type: 'button', class: 'btn', onclick: () => dialog.close() }, cancel)));
    const dialog = h('dialog', { class: 'vask' }, form);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      result = read();
      if (result !== null) dialog.close();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      done(result);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
