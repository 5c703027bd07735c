/* Desk and embed pages: what a press on a tile, a dialog or a menu does. Numbers and words come from the server. */
(() => {
  "use strict";
  const set = (id, data) => window.dash_clientside && window.dash_clientside.set_props(id, { data });
  let n = 0;
  let code = "";
  const dialog = () => document.getElementById("rec");

  const ask = (next, offset) => {
    code = next;
    const box = dialog();
    if (!box) return;
    if (!box.open) box.showModal();
    set("st-rec", { code, offset, n: ++n });
  };

  const press = (el) => {
    const tile = el.closest("[data-records]");
    if (el.closest("[data-rec-close]")) dialog()?.close();
    else if (el.closest("[data-rec-offset]")) ask(code, Number(el.closest("[data-rec-offset]").dataset.recOffset));
    else if (el.closest("[data-retry-tile]")) set("st-retry", ++n);
    else if (tile) ask(tile.dataset.records, 0);
    else return false;
    return true;
  };

  document.addEventListener("click", (event) => {
    const el = event.target instanceof Element ? event.target : null;
    if (!el) return;
    press(el);
    const box = dialog();
    // a press beside the dialog, or on a row that opens in the detail panel, closes it
    if (box?.open && (el === box || el.closest("#rec [data-sel]"))) box.close();
    for (const menu of document.querySelectorAll("details.pick[open]"))
      if (!menu.contains(el) || el.closest("[data-region],a")) menu.open = false;
  });

  document.addEventListener("keydown", (event) => {
    const el = event.target instanceof Element ? event.target : null;
    if (event.key === "Escape") for (const menu of document.querySelectorAll("details.pick[open]")) menu.open = false;
    if ((event.key !== "Enter" && event.key !== " ") || !el) return;
    if (el.matches("[data-records]") && press(el)) event.preventDefault();
    else if (el.matches("article[data-sel],li[data-sel],tr[data-sel],figure[data-sel]")) {
      event.preventDefault();
      el.click();
    }
  });

  /* ---- steps of a case: a form beside the panel, so that nothing written is lost when the panel is drawn again ---- */
  const make = (tag, props, ...children) => {
    const el = Object.assign(document.createElement(tag), props);
    el.append(...children);
    return el;
  };
  const control = (field, words) => {
    const required = !field.optional;
    if (field.kind === "choice") {
      const choices = [["", words.choose], ...field.choices];
      return make("select", { name: field.name, required }, ...choices.map(([value, text]) => make("option", { value, textContent: text, selected: value === field.value })));
    }
    if (field.kind === "long") return make("textarea", { name: field.name, required, rows: field.rows ?? 4, maxLength: field.most ?? 4000, value: field.value ?? "" });
    const type = { number: "number", date: "date", moment: "datetime-local" }[field.kind] ?? "text";
    return make("input", { name: field.name, required, type, value: field.value ?? "", ...(type === "number" ? { min: field.min ?? 1, max: field.max ?? 1000, step: field.step ?? 1 } : {}) });
  };
  // The version the panel shows now: what somebody else has made impossible meanwhile is refused by the server.
  const versionOf = (form) => {
    for (const el of document.querySelectorAll("#detail [data-step]")) {
      const now = JSON.parse(el.dataset.step);
      if (now.case === form.case) return now.version;
    }
    return form.version;
  };
  /** "" when it was done, else why not. */
  const sendStep = async (form, given) => {
    if (form.many) return window.iocMany(form, given);
    if (form.incident) return window.iocIncident(form, given);
    if (form.queue) return window.iocCommand.take(form, given);
    const [url, asked] = form.post
      ? [form.post, { ...form.body, ...given }]
      : form.event
      ? ["/api/v1/cases", { event_id: form.event, ...given }]
      : [`/api/v1/cases/${form.case}/steps`, { step: form.step, version: versionOf(form), given }];
    const answer = await fetch(url, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(asked),
    });
    const body = await answer.json();
    if (answer.ok) {
      // the report is part of a case now: that is what goes on
      if (form.post) for (const name of ["ioc:duty", "ioc:list"]) window.dispatchEvent(new CustomEvent(name));
      if (form.asks) {
        window.iocCommand?.aids?.made(form.asks);
        window.iocCommand?.ask([form.asks]);
      }
      if (form.event) window.iocPage?.url.replace({ sel: `case:${body.case_id}` });
      return "";
    }
    const lang = document.documentElement.lang.startsWith("en") ? "en" : "zh";
    const label = (name) => form.fields.find((f) => f.name === name)?.label ?? name;
    const reasons = (body.reasons ?? []).map((r) => `${label(r.field)} ${r[lang]}`);
    return [body[lang] ?? form.words.failed, ...reasons].join(lang === "en" ? "; " : "；");
  };
  const openStep = (form) => {
    const fault = make("p", { className: "sfault", role: "alert", hidden: true });
    const send = make("button", { type: "submit", className: "btn p l", textContent: form.words.send });
    const cancel = make("button", { type: "button", className: "btn l", textContent: form.words.cancel });
    let away = false; // the form steps aside while a place is looked for on the map
    const aside = (on) => {
      away = on;
      if (on) box.close();
      else box.showModal();
    };
    const widgets = { files: (f) => window.iocFiles(f, form.words), place: (f) => window.iocPlace(f, form.words, aside), area: (f) => window.iocCommand.areaField(f), where: (f) => window.iocCommand.whereField(f) };
    const files = Object.fromEntries(form.fields.filter((f) => widgets[f.kind]).map((f) => [f.name, widgets[f.kind](f)]));
    const row = (f) => make(files[f.name] ? "div" : "label", { className: "fd" }, make("span", { textContent: f.label }), files[f.name]?.element ?? control(f, form.words));
    const rows = form.fields.map(row);
    const head = make("h2", {}, make("span", { textContent: form.title }), make("small", { className: "num", textContent: form.sub }));
    const body = make("form", {}, head, ...rows, fault, make("div", { className: "acts" }, send, cancel));
    const box = make("dialog", { className: "stepbox" }, body);
    cancel.addEventListener("click", () => box.close());
    box.addEventListener("close", () => away || box.remove());
    body.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (!send.disabled) body.requestSubmit(send);
    });
    body.addEventListener("submit", async (event) => {
      event.preventDefault();
      const there = (v) => (Array.isArray(v) || typeof v === "string" ? v.length > 0 : v !== null && v !== undefined);
      const value = (f) => (files[f.name] ? files[f.name].ids() : body.elements[f.name].value.trim());
      const filled = form.fields.filter((f) => !f.optional || there(value(f)));
      const given = Object.fromEntries(filled.map((f) => [f.name, f.kind === "number" || f.number ? Number(value(f)) : f.kind === "moment" ? new Date(value(f)).toISOString() : value(f)]));
      const waits = form.fields.map((f) => files[f.name]?.fault() && `${f.label} ${files[f.name].fault()}`).filter(Boolean);
      if (waits.length) {
        fault.hidden = false;
        fault.textContent = waits.join("；");
        return;
      }
      send.disabled = true;
      const said = await sendStep(form, given).catch(() => form.words.failed);
      send.disabled = false;
      if (!said) box.close();
      fault.hidden = !said;
      fault.textContent = said;
    });
    document.body.append(box);
    box.showModal();
    if (!rows.length || form.ready) send.focus();
  };
  window.iocStep = openStep;
  document.addEventListener("click", (event) => {
    const el = event.target instanceof Element ? event.target.closest("[data-step]") : null;
    if (!el) return;
    el.closest("details")?.removeAttribute("open");
    openStep(JSON.parse(el.dataset.step));
  });

  /* ---- tiles: whole ones only, and a strip that says there are more and brings them ---- */
  const fit = (list) => {
    const shown = list.clientHeight;
    const tile = list.firstElementChild;
    if (!tile || getComputedStyle(list).overflowY !== "auto") return;
    list.style.removeProperty("--kl-row");
    const n = Math.max(1, Math.floor(shown / tile.getBoundingClientRect().height));
    if (list.scrollHeight > shown + 1) list.style.setProperty("--kl-row", `${shown / n}px`);
    more(list);
  };
  const more = (list) => {
    const { dataset } = list.parentElement;
    if (list.scrollHeight <= list.clientHeight + 1) delete dataset.more;
    else dataset.more = list.scrollTop + list.clientHeight >= list.scrollHeight - 2 ? "up" : "down";
  };
  const fitted = new WeakSet();
  const fitTiles = () => {
    const list = document.getElementById("kpi-list");
    if (!list || !list.classList.contains("kl") || fitted.has(list)) return;
    fitted.add(list);
    new ResizeObserver(() => fit(list)).observe(list);
    new MutationObserver(() => fit(list)).observe(list, { childList: true });
    list.addEventListener("scroll", () => more(list), { passive: true });
    list.parentElement.querySelector(".kmore")?.addEventListener("click", () => {
      const up = list.parentElement.dataset.more === "up";
      list.scrollTo({ top: up ? 0 : list.scrollTop + list.clientHeight, behavior: "smooth" });
    });
    fit(list);
  };

  /* ---- settings: walls ---- */
  const cell = (row, text, cls) => {
    const td = row.insertCell();
    td.textContent = text;
    if (cls) td.className = cls;
    return td;
  };
  const when = (text, timeZone) => {
    const at = text ? new Date(text) : null;
    return at && !Number.isNaN(at.getTime()) ? at.toLocaleString("sv-SE", { timeZone }).slice(0, 16) : "—";
  };
  const area = (wall, words) => {
    if (wall.whole) return words.wWhole;
    const names = [...document.querySelectorAll("#f-region option")].map((o) => [o.value, o.textContent]);
    return (wall.region_codes || []).map((code) => new Map(names).get(code) || code).join(", ");
  };
  const walls = async () => {
    const body = document.getElementById("walls");
    if (!body) return;
    const words = body.closest(".wl").dataset;
    const answer = await fetch("/api/v1/walls", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const { walls: list } = await answer.json();
    body.replaceChildren();
    if (!list.length) cell(body.insertRow(), words.wNone, "mut").colSpan = 6;
    for (const wall of list) {
      const row = body.insertRow();
      cell(row, wall.name);
      cell(row, wall.revoked_at ? words.wRevoked : words.wActive, wall.revoked_at ? "mut" : "");
      cell(row, area(wall, words));
      cell(row, when(wall.recorded_at, words.zone), "num");
      cell(row, when(wall.seen_at || wall.renewed_at, words.zone), "num");
      const last = cell(row, "");
      if (wall.revoked_at) continue;
      const button = document.createElement("button");
      button.className = "btn";
      button.textContent = words.wRevoke;
      button.onclick = async () => {
        await fetch(`/api/v1/walls/${wall.wall_id}/revoke`, { method: "POST" });
        walls();
      };
      last.append(button);
    }
  };
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.wallConfirm === undefined) return;
    event.preventDefault();
    const said = form.querySelector(".said");
    const words = document.querySelector(".wl").dataset;
    const data = Object.fromEntries(new FormData(form));
    const answer = await fetch("/api/v1/wall/confirm", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code: data.code, name: data.name, region: data.region || "" }),
    });
    const body = await answer.json().catch(() => ({}));
    const lang = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
    said.textContent = answer.ok ? words.wDone : body[lang] || words.wBad;
    if (answer.ok) form.reset();
    walls();
  });
  const seen = new MutationObserver(() => {
    fitTiles();
    const body = document.getElementById("walls");
    if (body && !body.dataset.read) {
      body.dataset.read = "1";
      walls();
    }
  });
  seen.observe(document.documentElement, { childList: true, subtree: true });
})();
