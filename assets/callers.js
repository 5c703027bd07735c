/* Who called: asked for with a purpose, shown for half a minute where the mask stands, masked again. Nothing is kept. */
(() => {
  "use strict";
  const make = (tag, props, ...children) => {
    const el = Object.assign(document.createElement(tag), props);
    el.append(...children);
    return el;
  };
  const english = () => document.documentElement.lang.startsWith("en");
  let hide = null;

  // Elements drawn anew by the server carry the mask; what was written over others is put back.
  const show = (button, callers, words) => {
    hide?.();
    const put = [];
    const write = (kind, id, text) => {
      const el = document.querySelector(`#detail [data-caller-${kind}="${CSS.escape(id)}"]`);
      if (!el || !text) return;
      put.push([el, el.textContent]);
      el.textContent = text;
      el.classList.add("plain");
    };
    for (const c of callers) {
      write("name", c.source_id, c.caller ?? c.name);
      write("phone", c.source_id, c.phone);
    }
    const usual = [...button.childNodes];
    const until = Date.now() + words.seconds * 1000;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left <= 0 || !button.isConnected) hide?.();
      else button.textContent = words.again.replace("{n}", String(left));
    };
    const timer = setInterval(tick, 250);
    hide = () => {
      clearInterval(timer);
      hide = null;
      for (const [el, masked] of put) {
        el.textContent = masked;
        el.classList.remove("plain");
      }
      button.replaceChildren(...usual);
      button.disabled = false;
    };
    button.disabled = true;
    tick();
  };

  const ask = (button) => {
    const words = JSON.parse(button.dataset.words);
    const record = button.dataset.caller;
    const purpose = make("input", { name: "purpose", required: true, minLength: 2, maxLength: 200, autocomplete: "off" });
    const fault = make("p", { className: "sfault", role: "alert", hidden: true });
    const send = make("button", { type: "submit", className: "btn p l", textContent: words.show });
    const cancel = make("button", { type: "button", className: "btn l", textContent: words.cancel });
    const form = make("form", {}, make("h2", { textContent: words.ask }), make("p", { className: "mut", textContent: words.why }),
      make("label", { className: "fd" }, make("span", { textContent: words.purpose }), purpose), fault,
      make("div", { className: "acts" }, send, cancel));
    const box = make("dialog", { className: "stepbox" }, form);
    cancel.addEventListener("click", () => box.close());
    box.addEventListener("close", () => box.remove());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      send.disabled = true;
      let said = words.failed;
      try {
        const answer = await fetch(`/api/v1/callers/${encodeURIComponent(record)}`, {
          method: "POST", credentials: "same-origin", cache: "no-store",
          headers: { "Content-Type": "application/json" }, body: JSON.stringify({ purpose: purpose.value.trim() }),
        });
        const body = await answer.json();
        if (answer.ok) {
          box.close();
          // the panel may have been drawn again while the form was open
          const here = document.querySelector(`#detail [data-caller="${CSS.escape(record)}"]`);
          if (here) show(here, body.callers, words);
          return;
        }
        const lang = english() ? "en" : "zh";
        said = [body[lang], ...(body.reasons ?? []).map((r) => r[lang])].filter(Boolean).join(lang === "en" ? "; " : "；") || said;
      } catch (error) {
        if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
      }
      send.disabled = false;
      fault.hidden = false;
      fault.textContent = said;
    });
    document.body.append(box);
    box.showModal();
    purpose.focus();
  };

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-caller]") : null;
    if (button && !button.disabled) ask(button);
  });
  // whoever leaves the page leaves nothing on it
  window.addEventListener("pagehide", () => hide?.());
  document.addEventListener("visibilitychange", () => document.hidden && hide?.());
})();
