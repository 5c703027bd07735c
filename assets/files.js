/* Files of a form: sent as they are chosen, shown small, taken out again. What the form sends is their ids. */
(() => {
  "use strict";
  const make = (tag, props, ...children) => {
    const el = Object.assign(document.createElement(tag), props);
    el.append(...children);
    return el;
  };
  // crypto.randomUUID is not there over plain http
  const key = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  const lang = () => (document.documentElement.lang.startsWith("en") ? "en" : "zh");
  const TRIES = 3;

  /** The kept attachment. The same key with every try: an answer that got lost keeps nothing twice. */
  const send = async (file, once) => {
    for (let turn = 1; ; turn++) {
      const body = new FormData();
      body.append("file", file);
      let answer;
      try {
        answer = await fetch("/api/v1/attachments", { method: "POST", credentials: "same-origin", headers: { "Idempotency-Key": once }, body });
      } catch (away) {
        if (turn >= TRIES) throw away;
        await new Promise((done) => setTimeout(done, turn * 1000));
        continue;
      }
      const said = await answer.json().catch(() => ({}));
      if (answer.ok) return said;
      throw new Error((said.reasons ?? []).map((r) => r[lang()]).join(" ") || said[lang()] || String(answer.status));
    }
  };

  const tile = (item, words, gone) => {
    const picture = item.file.type.startsWith("image/");
    const url = picture ? URL.createObjectURL(item.file) : "";
    const shown = picture ? make("img", { src: url, alt: item.file.name }) : make("span", { className: "doc", textContent: item.file.name });
    const out = make("button", { type: "button", className: "x", title: words.remove, ariaLabel: words.remove, textContent: "×" });
    const state = make("em", { textContent: "…" });
    const el = make("figure", { className: "up" }, shown, state, out);
    out.addEventListener("click", () => {
      if (url) URL.revokeObjectURL(url);
      el.remove();
      gone();
    });
    return { el, state };
  };

  window.iocFiles = (field, words) => {
    const accept = field.needed ? "image/jpeg,image/png,image/webp" : "image/jpeg,image/png,image/webp,application/pdf,video/mp4";
    const input = make("input", { type: "file", multiple: true, accept });
    const shown = make("div", { className: "ups" });
    const pick = make("label", { className: "btn l" }, make("span", { textContent: words.upload }), input);
    let items = [];
    const start = (file) => {
      const item = { file, once: key(), id: 0, said: "" };
      items.push(item);
      const { el, state } = tile(item, words, () => (items = items.filter((i) => i !== item)));
      shown.append(el);
      send(file, item.once).then(
        (kept) => {
          item.id = kept.attachment_id;
          state.textContent = "✓";
          el.classList.add("ok");
        },
        (fault) => {
          item.said = fault.message || words.failed;
          state.textContent = item.said;
          el.classList.add("bad");
        },
      );
    };
    input.addEventListener("change", () => {
      for (const file of input.files) start(file);
      input.value = "";
    });
    return {
      element: make("div", { className: "files" }, pick, shown),
      ids: () => items.filter((i) => i.id).map((i) => i.id),
      /** "" when the form may go, else why not. */
      fault: () => {
        const bad = items.find((i) => i.said);
        if (bad) return bad.said;
        if (items.some((i) => !i.id)) return words.uploading;
        return field.needed && !items.length ? words.needed : "";
      },
    };
  };
})();
