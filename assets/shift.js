/* Duty and handover, saved views, one step for many rows. Words and rules come from the server (ioc/screens/duty.py, saved.py). */
(() => {
  "use strict";
  const page = () => window.iocPage;
  const lang = () => (document.documentElement.lang.startsWith("en") ? "en" : "zh");
  const make = (tag, props, ...children) => {
    const el = Object.assign(document.createElement(tag), props);
    el.append(...children.filter(Boolean));
    return el;
  };
  const tell = (name) => window.dispatchEvent(new CustomEvent(name));
  const call = async (method, url, body) => {
    const answer = await fetch(url, {
      method,
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { ok: answer.ok, body: await answer.json().catch(() => ({})) };
  };
  const said = (body, failed) => {
    const reasons = (body.reasons ?? []).map((r) => r[lang()]);
    return [body[lang()] ?? failed, ...reasons].join(lang() === "en" ? "; " : "；");
  };

  /* ---- duty: the drawer, and asking again when the clock alone has changed it ---- */
  document.addEventListener("click", (event) => {
    const el = event.target instanceof Element ? event.target : null;
    const box = document.getElementById("duty-box");
    if (!el || !box) return;
    if (el.closest("[data-duty]")) {
      tell("ioc:duty");
      box.showModal();
    } else if (box.open && (el === box || el.closest("[data-duty-close]"))) box.close();
  });
  let asked = "";
  setInterval(() => {
    const until = document.getElementById("duty")?.getAttribute("data-until");
    if (!until || until === asked || !page() || page().clock.now() < Date.parse(until)) return;
    asked = until;
    tell("ioc:duty");
  }, 1000);

  /* ---- one step for all rows that are picked ---- */
  const idOf = (key) => Number(key.split(":")[1]);
  const result = (form, answers) => {
    const refused = answers.filter((a) => !a.ok);
    const taken = answers.length - refused.length;
    const fill = (text, n) => text.replace("{n}", n);
    const rows = answers.map((a) =>
      make("li", { className: a.ok ? "ok" : "no" },
        make("b", { className: "num", textContent: form.numbers[a.case_id] ?? a.number ?? a.case_id }),
        make("span", { textContent: a.ok ? "✓" : said(a, "") })));
    rows.sort((a, b) => Number(a.className === "ok") - Number(b.className === "ok"));
    const close = make("button", { type: "submit", className: "btn p l", textContent: form.words.close });
    const line = [fill(form.words.taken, taken), refused.length ? fill(form.words.refused, refused.length) : ""].filter(Boolean).join(" · ");
    const head = make("h2", {}, make("span", { textContent: form.title }));
    const box = make("dialog", { className: "stepbox many" },
      make("form", { method: "dialog" }, head, make("p", { className: "sum", role: "status", textContent: line }), make("ul", { className: "answers" }, ...rows), make("div", { className: "acts" }, close)));
    box.addEventListener("close", () => box.remove());
    document.body.append(box);
    box.showModal();
    close.focus();
  };
  /** "" when it was sent: what went through and what did not is then shown; what did not stays picked. */
  window.iocMany = async (form, given) => {
    const { picked, live } = page();
    const chosen = picked.list().map((key) => live.store.get(key)).filter(Boolean);
    const cases = chosen.map((r) => ({ case_id: idOf(r.key), version: r.version }));
    const { ok, body } = await call("POST", "/api/v1/cases/steps", { step: form.step, given, cases });
    if (!ok) return said(body, form.words.failed);
    const refused = body.results.filter((r) => !r.ok);
    // where a field is wrong it is wrong for all of them: the form stays open with what was written
    if (!body.taken && refused.length && refused.every((r) => r.status === 422)) return said(refused[0], form.words.failed);
    const kept = new Set(refused.map((r) => r.case_id));
    picked.keep((key) => kept.has(idOf(key)));
    result(form, body.results);
    return "";
  };

  /* ---- saved views ---- */
  const row = () => document.querySelector(".svs");
  const words = () => JSON.parse(row().dataset.words);
  const present = () => {
    const { list, region, view } = page().url.value;
    const q = { show: list.show, urgency: list.urgency.join(","), flow: list.flow.join(","), sort: list.sort };
    if (view) q.v = [view.lon.toFixed(5), view.lat.toFixed(5), view.zoom.toFixed(2)].map(Number).join(",");
    return { query: Object.fromEntries(Object.entries(q).filter(([, v]) => v)), region };
  };
  const check = (name, text, on = false) =>
    make("label", { className: "ckl" }, make("input", { type: "checkbox", name, checked: on }), make("span", { textContent: text }));
  const open = (title, w, ...content) => {
    const fault = make("p", { className: "sfault", role: "alert", hidden: true });
    const form = make("form", {}, make("h2", {}, make("span", { textContent: title })), ...content, fault);
    const box = make("dialog", { className: "stepbox" }, form);
    const refuse = (text) => {
      fault.hidden = !text;
      fault.textContent = text;
    };
    box.addEventListener("close", () => box.remove());
    document.body.append(box);
    box.showModal();
    return { box, form, refuse };
  };
  const saveView = () => {
    const w = words();
    const name = make("input", { name: "name", type: "text", required: true, maxLength: 40 });
    const share = row().dataset.share ? check("shared", w.shared) : null;
    const cancel = make("button", { type: "button", className: "btn l", textContent: w.cancel });
    const send = make("button", { type: "submit", className: "btn p l", textContent: w.send });
    const { box, form, refuse } = open(w.save, w,
      make("label", { className: "fd" }, make("span", { textContent: w.name }), name),
      make("div", { className: "ckls" }, share, check("first", w.first)),
      make("div", { className: "acts" }, send, cancel));
    cancel.onclick = () => box.close();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const wish = { name: name.value.trim(), shared: Boolean(form.elements.shared?.checked), ...present() };
      send.disabled = true;
      const { ok, body } = await call("POST", "/api/v1/desk/views", wish).catch(() => ({ ok: false, body: {} }));
      send.disabled = false;
      if (!ok) return refuse(said(body, w.failed));
      if (form.elements.first.checked) await call("PUT", "/api/v1/desk/views/default", { view_id: body.view_id });
      box.close();
      const list = page().url.value.list;
      page().url.replace({ list: { ...list, show: list.show || "all", saved: String(body.view_id) } });
      tell("ioc:views");
    });
  };
  const manageViews = () => {
    const w = words();
    const list = make("ul", { className: "vws" });
    const close = make("button", { type: "submit", className: "btn l", textContent: w.close });
    const { form, refuse, box } = open(w.manage, w, list, make("div", { className: "acts" }, close));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      box.close();
    });
    const act = (text, fn) => make("button", { type: "button", className: "btn", textContent: text, onclick: fn });
    const draw = async () => {
      const { ok, body } = await call("GET", "/api/v1/desk/views").catch(() => ({ ok: false, body: {} }));
      if (!ok) return refuse(said(body, w.failed));
      tell("ioc:views");
      const sent = async (method, url, asked) => {
        const answer = await call(method, url, asked).catch(() => ({ ok: false, body: {} }));
        refuse(answer.ok ? "" : said(answer.body, w.failed));
        await draw();
      };
      const mayShare = Boolean(row().dataset.share);
      list.replaceChildren(...body.views.map((v) => {
        const url = `/api/v1/desk/views/${v.view_id}`;
        const wish = (more) => ({ name: v.name, shared: v.shared, query: v.query, region: v.region, version: v.version, ...more });
        const name = make("input", { type: "text", value: v.name, maxLength: 40, ariaLabel: w.name, disabled: !(v.shared ? mayShare : v.mine) });
        name.onchange = () => sent("PUT", url, wish({ name: name.value.trim() }));
        const marks = [v.shared && w.shared_mark, v.default && w.first_mark].filter(Boolean).join(" · ");
        const own = v.shared ? mayShare : v.mine;
        return make("li", {}, name, make("small", { textContent: marks }), make("span", { className: "g" },
          act(v.default ? w.not_first : w.make_first, () => sent("PUT", "/api/v1/desk/views/default", { view_id: v.default ? null : v.view_id })),
          own ? act(w.replace, () => sent("PUT", url, wish(present()))) : null,
          own ? act(w.remove, () => sent("DELETE", `${url}?version=${v.version}`)) : null));
      }));
      if (!body.views.length) list.append(make("li", { className: "mut", textContent: w.none }));
    };
    draw();
  };
  document.addEventListener("click", (event) => {
    const el = event.target instanceof Element ? event.target : null;
    if (el?.closest("[data-view-save]")) saveView();
    else if (el?.closest("[data-view-manage]")) manageViews();
  });
})();
