/* 接报登记 on the desk: a form beside the map, outside of what Dash draws, so that nothing written is lost. Key N. */
(() => {
  "use strict";
  const STORE = "ioc-report";
  const make = (tag, props, ...children) => {
    const { data = {}, attrs = {}, ...rest } = props;
    const el = Object.assign(document.createElement(tag), rest);
    for (const [k, v] of Object.entries(data)) el.dataset[k] = v;
    for (const [k, v] of Object.entries(attrs)) el.setAttribute(k, v);
    el.append(...children);
    return el;
  };
  const lang = () => (document.documentElement.lang.startsWith("en") ? "en" : "zh");
  const said = (text) => (text && typeof text === "object" ? text[lang()] || text.zh : text || "");
  const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  const empty = () => ({ key: newKey(), values: { urgency: "routine", flow: "" }, place: null });
  // This tab only, and gone with it: a caller's number is nobody's to find later.
  const load = () => {
    try {
      return JSON.parse(sessionStorage.getItem(STORE)) || empty();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return empty();
    }
  };
  let form = null;

  class ReportForm {
    constructor({ words, urgency, flows, incident }) {
      this.mayOpen = incident;
      this.words = words;
      this.state = load();
      this.categories = [];
      this.duplicates = true;
      this.build(urgency, flows);
      this.fill();
      this.categoriesKnown = fetch("/api/v1/categories", { credentials: "same-origin" })
        .then((answer) => (answer.ok ? answer.json() : { categories: [] }))
        .then(({ categories }) => this.offer(categories))
        .catch(() => undefined);
      window.addEventListener("ioc:picked", (e) => this.picked(e.detail));
    }

    // ------------------------------------------------------------ markup

    build(urgency, flows) {
      const w = this.words;
      const field = (name, label, el, side) => {
        el.name = name;
        el.id = `rp-${name}`;
        return make("div", { className: `fd f-${name}` }, make("label", { htmlFor: el.id }, make("span", { textContent: label }), side || ""), el);
      };
      const input = (props = {}, attrs = {}) => make("input", { type: "text", autocomplete: "off", ...props, attrs });
      this.choices = make("datalist", { id: "rp-categories" });
      this.found = make("ul", { className: "rfound", id: "rp-found", hidden: true, attrs: { role: "listbox" } });
      this.search = input({ placeholder: w.placeHint }, { role: "combobox", "aria-expanded": "false", "aria-controls": "rp-found", "aria-autocomplete": "list" });
      this.where = make("p", { className: "rwhere num" });
      this.pickButton = make("button", { type: "button", className: "btn", textContent: w.pick, attrs: { "aria-pressed": "false" } });
      const centre = (this.centre = make("button", { type: "button", className: "btn", textContent: w.centre }));
      this.near = make("div", { className: "rnear", hidden: true, attrs: { "aria-live": "polite" } });
      this.fault = make("p", { className: "sfault", hidden: true, attrs: { role: "alert" } });
      this.sendButton = make("button", { type: "submit", className: "btn p l" }, w.send, make("span", { className: "kbd", textContent: "Ctrl ⏎" }));
      const cancel = make("button", { type: "button", className: "btn l" }, w.cancel, make("span", { className: "kbd", textContent: "Esc" }));
      const clear = make("button", { type: "button", className: "btn l", textContent: w.clear });
      const raise = make("button", { type: "button", className: "btn l", data: { reportRaise: "1" } }, w.incident, make("span", { className: "kbd", textContent: "Ctrl ⇧ ⏎" }));
      raise.addEventListener("click", () => this.raise());
      const radios = urgency.map(([value, label]) => make("label", {}, make("input", { type: "radio", name: "urgency", value }), make("span", { textContent: label })));
      const text = make("textarea", { rows: 4, maxLength: 4000, placeholder: w.textHint, attrs: { "aria-required": "true" } });
      const flow = make("select", {}, ...[["", w.flowNone], ...flows].map(([value, label]) => make("option", { value, textContent: label })));
      this.body = make(
        "form",
        { noValidate: true },
        make("h2", {}, make("span", { textContent: w.title }), make("small", { textContent: w.kept })),
        make("div", { className: "two2" }, field("caller_name", w.caller, input({ maxLength: 60 })), field("caller_phone", w.phone, input({ type: "tel", maxLength: 40 }))),
        make("p", { className: "rmut", textContent: w.masked }),
        field("text", w.text, text),
        field("category", w.category, input({ placeholder: w.categoryHint }, { list: "rp-categories" })),
        this.choices,
        make("fieldset", { className: "fd seg4" }, make("legend", { textContent: w.urgency }), ...radios),
        make("div", { className: "fd f-place" }, make("label", { htmlFor: "rp-search", textContent: w.place }), Object.assign(this.search, { id: "rp-search" }), this.found, make("div", { className: "rp3" }, this.pickButton, centre), this.where),
        this.near,
        field("address", w.address, input({ maxLength: 500, placeholder: w.addressHint })),
        ...(flows.length ? [field("flow", w.flow, flow)] : []),
        this.fault,
        make("div", { className: "acts" }, this.sendButton, ...(this.mayOpen ? [raise] : []), cancel, clear),
      );
      this.box = make("dialog", { className: "repbox", attrs: { "aria-label": w.title } }, this.body);
      document.body.append(this.box);
      this.body.addEventListener("input", () => this.keep());
      this.body.addEventListener("change", () => this.keep());
      this.body.addEventListener("submit", (e) => {
        e.preventDefault();
        this.send();
      });
      this.box.addEventListener("keydown", (e) => this.key(e));
      cancel.addEventListener("click", () => this.close());
      clear.addEventListener("click", () => confirm(w.clearSure) && this.reset());
      this.pickButton.addEventListener("click", () => this.pick(!this.picking));
      centre.addEventListener("click", () => this.takeCentre());
      this.search.addEventListener("input", (e) => {
        e.stopPropagation();
        this.find();
      });
    }

    get map() {
      return window.iocMaps?.map?.map;
    }

    value(name) {
      const el = this.body.elements[name];
      return el ? String(el.value || "").trim() : "";
    }

    fill() {
      for (const [name, value] of Object.entries(this.state.values)) if (this.body.elements[name]) this.body.elements[name].value = value;
      this.showPlace();
    }

    /** What is written stays through a redraw, a fault and a reload of the page. */
    keep() {
      const names = ["caller_name", "caller_phone", "text", "category", "urgency", "address", "flow"];
      this.state.values = Object.fromEntries(names.map((n) => [n, this.body.elements[n] ? this.body.elements[n].value : ""]));
      sessionStorage.setItem(STORE, JSON.stringify(this.state));
      this.lookSoon();
    }

    offer(categories) {
      this.categories = categories.filter((c) => !c.major);
      const parents = new Map(categories.map((c) => [`${c.scheme}/${c.code}`, said(c.title)]));
      this.choices.replaceChildren(...this.categories.map((c) => make("option", { value: `${said(c.title)} ${c.code}`, textContent: parents.get(`${c.scheme}/${c.parent}`) || "" })));
    }

    category() {
      const typed = this.value("category");
      if (!typed) return null;
      const exact = this.categories.find((c) => `${said(c.title)} ${c.code}` === typed || c.code === typed);
      return exact || this.categories.find((c) => c.title.zh === typed || c.title.en.toLowerCase() === typed.toLowerCase()) || undefined;
    }

    // ------------------------------------------------------------ opening, keys

    open() {
      if (!this.box.open) this.box.show();
      this.pickButton.disabled = this.centre.disabled = !this.map;
      this.body.elements.text.focus();
      this.pin();
    }

    close() {
      this.pick(false);
      this.box.close();
      this.pinned?.remove();
      this.opener?.focus();
    }

    key(e) {
      if (e.key === "Escape") {
        e.preventDefault();
        e.stopPropagation();
        if (!this.found.hidden) this.showFound([]);
        else if (this.picking) this.pick(false);
        else this.close();
      } else if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
        e.preventDefault();
        if (e.shiftKey && this.mayOpen) this.raise();
        else this.send();
      } else if (e.target === this.search && ["ArrowDown", "ArrowUp", "Enter"].includes(e.key)) this.move(e);
      else if (e.key === "Enter" && e.target instanceof HTMLInputElement) e.preventDefault(); // sent by Ctrl Enter or the button alone
    }

    reset() {
      this.state = empty();
      sessionStorage.removeItem(STORE);
      this.body.reset();
      this.tell("");
      this.near.hidden = true;
      this.fill();
      this.pinned?.remove();
    }

    // ------------------------------------------------------------ the place

    pick(on) {
      if (on && !this.map) return;
      this.picking = on;
      this.pickButton.setAttribute("aria-pressed", String(on));
      this.pickButton.textContent = on ? this.words.picking : this.words.pick;
      if (on) document.documentElement.dataset.pick = "";
      else delete document.documentElement.dataset.pick;
    }

    picked([lon, lat]) {
      this.pick(false);
      this.setPlace({ lon, lat, name: this.words.onMap });
    }

    takeCentre() {
      const c = this.map?.getCenter();
      if (c) this.setPlace({ lon: c.lng, lat: c.lat, name: this.words.onMap });
    }

    setPlace(place) {
      this.state.place = place;
      this.showPlace();
      this.keep();
      this.pin();
      this.tell("");
    }

    showPlace() {
      const p = this.state.place;
      this.where.textContent = p ? `${p.name} ${p.lat.toFixed(5)}, ${p.lon.toFixed(5)}` : this.words.noPlace;
    }

    /** Where it is, on the map; it moves with it. */
    pin() {
      this.pinned?.remove();
      const [map, p] = [this.map, this.state.place];
      if (!map || !p) return;
      const el = make("i", { className: "rpin" });
      map.getCanvasContainer().append(el);
      const put = () => {
        const at = map.project([p.lon, p.lat]);
        el.style.left = `${at.x}px`;
        el.style.top = `${at.y}px`;
      };
      put();
      map.on("move", put);
      this.pinned = { remove: () => (map.off("move", put), el.remove()) };
    }

    find() {
      clearTimeout(this.finding);
      const q = this.search.value.trim();
      if (!q) return this.showFound([]);
      this.finding = setTimeout(async () => {
        const answer = await fetch(`/api/v1/search?q=${encodeURIComponent(q)}&limit=8&lang=${lang()}`, { credentials: "same-origin" }).catch(() => null);
        const body = answer?.ok ? await answer.json() : null;
        if (q !== this.search.value.trim()) return;
        const items = (body?.groups || []).filter((g) => g.type !== "indicator").flatMap((g) => g.items).filter((i) => i.lon != null && i.lat != null);
        this.showFound(items.slice(0, 8), q);
      }, 200);
      return undefined;
    }

    showFound(items, q) {
      this.hits = items;
      this.at = 0;
      const rows = items.map((item, i) => {
        const li = make("li", { id: `rp-hit-${i}`, attrs: { role: "option", "aria-selected": String(i === 0) } }, make("b", { textContent: said(item.title) }), make("small", { textContent: said(item.sub) }));
        li.addEventListener("mousedown", (e) => (e.preventDefault(), this.choose(i)));
        return li;
      });
      if (q && !items.length) rows.push(make("li", { className: "rmut", textContent: this.words.nothing }));
      this.found.replaceChildren(...rows);
      this.found.hidden = !rows.length;
      this.search.setAttribute("aria-expanded", String(Boolean(rows.length)));
      this.mark();
    }

    mark() {
      [...this.found.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === this.at)));
      if (this.hits?.length) this.search.setAttribute("aria-activedescendant", `rp-hit-${this.at}`);
      else this.search.removeAttribute("aria-activedescendant");
    }

    move(e) {
      e.preventDefault();
      if (!this.hits?.length) return;
      if (e.key === "Enter") this.choose(this.at);
      else {
        this.at = (this.at + (e.key === "ArrowDown" ? 1 : this.hits.length - 1)) % this.hits.length;
        this.mark();
      }
    }

    choose(i) {
      const item = this.hits[i];
      const device = /^device:(\d+)$/.exec(item.key || "")?.[1];
      this.search.value = said(item.title);
      this.showFound([]);
      if (!this.body.elements.address.value.trim()) this.body.elements.address.value = said(item.title);
      this.setPlace({ lon: item.lon, lat: item.lat, name: said(item.title), ...(device ? { device: Number(device) } : {}) });
      window.dispatchEvent(new CustomEvent("ioc:fly", { detail: [item.lon, item.lat, 16] }));
    }

    // ------------------------------------------------------------ doubles

    lookSoon() {
      clearTimeout(this.looking);
      this.looking = setTimeout(() => this.look(), 500);
    }

    async look() {
      const [p, c] = [this.state.place, this.category()];
      if (!p) {
        this.near.hidden = true;
        return;
      }
      const turn = (this.turn = (this.turn || 0) + 1);
      const found = await this.alike(p, c).catch(() => null);
      if (turn !== this.turn) return;
      const rows = (found || []).slice(0, 5).map((e) => {
        const link = make("a", { href: "#", data: { sel: e.key }, title: this.words.open }, make("b", { textContent: said(e.title) }));
        return make("li", {}, link, make("small", { className: "num", textContent: [e.distance_m == null ? "" : `${Math.round(e.distance_m)} m`, said(e.source) || e.number || "", said(e.address)].filter(Boolean).join(" · ") }));
      });
      const head = found === null ? this.words.nearOff : rows.length ? this.words.near : this.words.nearNone;
      this.near.replaceChildren(make("p", { textContent: head }), ...(rows.length ? [make("ul", {}, ...rows)] : []));
      this.near.classList.toggle("some", rows.length > 0);
      this.near.hidden = false;
    }

    /** Scored candidates where the centre has them; otherwise what was reported near by. */
    async alike(p, c) {
      const own = { credentials: "same-origin" };
      const at = { lon: p.lon.toFixed(6), lat: p.lat.toFixed(6) };
      if (this.duplicates) {
        const q = new URLSearchParams({ ...at, crs: "EPSG:4326", text: this.value("text").slice(0, 200), ...(c ? { category: `${c.scheme}:${c.code}` } : {}), ...(this.value("address") ? { address: this.value("address") } : {}) });
        const answer = await fetch(`/api/v1/events/duplicates?${q}`, own);
        if (answer.ok) return (await answer.json()).candidates;
        if (answer.status !== 404 && answer.status !== 403) return null;
        this.duplicates = false;
      }
      const q = new URLSearchParams({ ...at, ...(c ? { scheme: c.scheme, code: c.code } : {}) });
      const answer = await fetch(`/api/v1/reports/near?${q}`, own);
      return answer.ok ? (await answer.json()).events : null;
    }

    // ------------------------------------------------------------ sending

    tell(text, good = false) {
      this.fault.textContent = text;
      this.fault.hidden = !text;
      this.fault.classList.toggle("good", good);
      if (text) this.fault.scrollIntoView({ block: "nearest" });
    }

    asked() {
      const c = this.category();
      const p = this.state.place;
      const place = p.device ? { device_id: p.device } : { lon: p.lon, lat: p.lat, crs: "EPSG:4326" };
      const out = { text: this.value("text"), urgency: this.body.elements.urgency.value, ...place, ...(c ? { category: { scheme: c.scheme, code: c.code } } : {}) };
      for (const name of ["caller_name", "caller_phone", "address", "flow"]) if (this.value(name)) out[name] = this.value(name);
      return out;
    }

    async send() {
      const w = this.words;
      await this.categoriesKnown;
      if (!this.value("text")) return this.wrong(w.needText, this.body.elements.text);
      if (this.category() === undefined) return this.wrong(`${w.category} ${w.categoryBad}`, this.body.elements.category);
      if (!this.state.place) return this.wrong(w.needPlace, this.search);
      this.sendButton.disabled = true;
      try {
        const answer = await fetch("/api/v1/reports", { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", "Idempotency-Key": this.state.key }, body: JSON.stringify(this.asked()) });
        const body = await answer.json();
        if (answer.ok) this.taken(body);
        else this.tell([said(body), ...(body.reasons || []).map((r) => said(r))].filter(Boolean).join(lang() === "en" ? "; " : "；"));
      } catch (error) {
        if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
        this.tell(w.failed);
      } finally {
        this.sendButton.disabled = false;
      }
      return undefined;
    }

    /** The call is an incident: it is taken down and opened in one press, and the workspace comes. */
    async raise() {
      const w = this.words;
      const text = this.value("text");
      if (!text) return this.wrong(w.needText, this.body.elements.text);
      if (!this.state.place) return this.wrong(w.needPlace, this.search);
      const { lon, lat } = this.state.place;
      const first = text.split(/[\n。；;]/)[0].trim() || text;
      const chosen = this.body.elements.urgency.value;
      const given = { title: first.slice(0, 60), description: text, place: { lon, lat, crs: "EPSG:4326" }, urgency: chosen === "routine" ? "critical" : chosen };
      for (const name of ["caller_name", "caller_phone", "address"]) if (this.value(name)) given[name] = this.value(name);
      this.tell("");
      const said = await window.iocIncident({ body: { origin: { kind: "phone" } }, words: w }, given).catch(() => w.failed);
      if (said) return this.tell(said);
      sessionStorage.removeItem(STORE);
      return undefined;
    }

    wrong(text, el) {
      this.tell(text);
      el.focus();
    }

    taken(body) {
      const w = this.words;
      const number = body.case_number || body.number || `#${body.event_id}`;
      const why = body.case_error ? said(body.case_error) : "";
      this.reset();
      this.tell(why ? w.caseFailed.replace("{why}", why) : (body.case_id ? w.doneCase : w.done).replace("{number}", number), true);
      window.iocPage?.url.push({ sel: body.case_id ? `case:${body.case_id}` : `event:${body.event_id}` });
      this.body.elements.text.focus();
    }
  }

  document.addEventListener("click", (event) => {
    const el = event.target instanceof Element ? event.target.closest("[data-report]") : null;
    if (!el) return;
    form ??= new ReportForm(JSON.parse(el.dataset.report));
    form.opener = el;
    form.open();
  });
  // The form lies beside the page: Escape puts it aside also when the map has the keyboard.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && form?.box.open && !form.box.contains(event.target)) form.key(event);
  }, true);
  // Nobody else at this desk finds what was being written.
  document.addEventListener("submit", (event) => {
    if (event.target instanceof HTMLFormElement && event.target.action.endsWith("/sign-out")) sessionStorage.removeItem(STORE);
  });
})();
