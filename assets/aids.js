/* Tools on the map of a command workspace: who is inside what, drive times from anywhere, routes and detours, closed roads, and
   what a water level would cover (推演: marked, kept apart from facts, gone by one key). The server measures and decides. */
(() => {
  "use strict";
  const SAID = "ioc.command.said";
  const WAIT_MS = 250;
  /* The panels that can be another when a layer has changed; a layer that is not here may change any. */
  const PANELS_OF = {
    resource: ["forces", "medical", "shelters"], drone: ["eyes"], drone_trace: [], drone_photo: ["eyes"], camera: ["eyes"],
    sensor: ["weather"], alarm: [], fence: [], crossing: [], patrol_track: [], patrol_coverage: [],
  };
  const RISE = { min: 0.5, max: 20, step: 0.5 };
  const make = (tag, props = {}, ...children) => {
    const { data = {}, attrs = {}, ...rest } = props;
    const el = Object.assign(document.createElement(tag), rest);
    for (const [k, v] of Object.entries(data)) el.dataset[k] = v;
    for (const [k, v] of Object.entries(attrs)) el.setAttribute(k, v);
    el.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
    return el;
  };
  const metres = (m) => (m < 1000 ? `${Math.round(m)} m` : `${(m / 1000).toFixed(m < 20000 ? 1 : 0)} km`);
  const area = (m2) => (m2 < 1e5 ? `${Math.round(m2).toLocaleString("en")} m²` : `${(m2 / 1e6).toFixed(2)} km²`);

  class Aids {
    constructor(cmd) {
      this.cmd = cmd;
      this.set = cmd.set;
      this.card = document.getElementById("cmd-card");
      this.chip = document.getElementById("cmd-inside");
      this.from = null; // where drive times begin; null: the incident
      this.vehicle = "fire_engine";
      this.flood = null; // {at, rise, told}
      this.route = null; // {start, end, told}
      this.sim = null; // {key, told}: a run of 推演 whose area lies over the map
      this.simNext = false; // one was just asked for: it is shown when the panel has it
      this.closures = [];
      this.open = "";
      this.turn = 0;
      document.addEventListener("click", (e) => this.press(e), true);
      document.addEventListener("change", (e) => this.chosen(e));
      document.addEventListener("keydown", (e) => this.key(e), true);
      window.addEventListener("ioc:escape", (e) => this.escape() && e.preventDefault());
      window.addEventListener("ioc:change", (e) => this.heard(e.detail));
      const said = sessionStorage.getItem(SAID);
      sessionStorage.removeItem(SAID);
      if (said) cmd.say(said, true);
      void this.loadClosures();
    }
    w(key, values = {}) {
      return Object.entries(values).reduce((s, [k, v]) => s.replaceAll(`{${k}}`, v), this.set.aid[key] ?? key);
    }
    said(text) {
      return text?.[this.set.lang] ?? text?.zh ?? "";
    }
    here() {
      return { lon: this.set.lon, lat: this.set.lat, name: this.w("here") };
    }
    get past() {
      return document.body.dataset.past !== undefined;
    }

    /* ------------------------------------------------------------ presses */
    press(event) {
      const el = event.target instanceof Element ? event.target : null;
      if (!el) return;
      const on = (name) => el.closest(`[data-${name}]`);
      const aid = on("aid");
      const warning = el.closest('.cmd [data-sel^="warning:"]');
      if (aid) this.toggle(aid.dataset.aid);
      else if (on("sim")) void this.startSim(on("sim"));
      else if (on("iso-from")) this.startFrom(null);
      else if (on("iso-tag")) this.insideIso(Number(on("iso-tag").dataset.isoTag));
      else if (on("card-close")) this.close();
      else if (on("inside-clear")) this.cmd.draw("");
      else if (warning) void this.insideWarning(warning);
      else if (on("own-mark")) this.showMark(on("own-mark").dataset.ownMark);
      else if (!el.closest("a,button,input,select") && (on("mark") || el.closest(".cmk[data-name]"))) this.showPlace(on("mark") ?? el.closest(".cmk[data-name]"));
      else return;
      // a press here is no choice of the page: its address stays as it is
      event.stopPropagation();
      event.preventDefault();
    }
    key(e) {
      const el = e.target instanceof Element ? e.target : null;
      if (e.key === "Enter" && el?.matches("[data-own-mark],[data-panel] [data-mark],[data-sel^='warning:']")) {
        e.preventDefault();
        el.click();
      } else if (e.key === "Escape" && el && this.card.contains(el) && this.escape()) {
        e.preventDefault();
        e.stopPropagation();
      }
    }
    chosen(e) {
      if (!(e.target instanceof HTMLSelectElement) || e.target.dataset.vehicle === undefined) return;
      this.vehicle = e.target.value;
      for (const other of document.querySelectorAll("select[data-vehicle]")) other.value = this.vehicle;
      void this.cmd.refreshIsos();
      if (this.route) void this.findRoute();
    }
    /* One key takes away what is on top: the 推演 first. True where there was something. */
    escape() {
      if (this.flood) this.endFlood();
      else if (this.sim) this.endSim();
      else if (this.open) this.close();
      else if (this.route) this.endRoute();
      else if (this.cmd.area && this.cmd.area !== this.set.area) void this.cmd.draw("");
      else return false;
      return true;
    }
    toggle(kind) {
      if (this.open === kind) return kind === "flood" ? this.endFlood() : kind === "route" ? this.endRoute() : this.close();
      if (kind === "flood") return this.startFlood();
      if (kind === "route") return this.startRoute(null);
      return this.showClosures();
    }
    show(kind, ...children) {
      if (this.sim && kind !== "sim") this.endSim(); // one card at a time, and no 推演 without its card
      this.open = kind;
      const close = make("button", { type: "button", className: "close", title: this.w("close"), textContent: "×", data: { cardClose: "1" }, attrs: { "aria-label": this.w("close") } });
      this.card.className = `ccard2 ${kind}`;
      this.card.replaceChildren(close, ...children.flat().filter(Boolean));
      this.card.hidden = false;
      for (const b of document.querySelectorAll("[data-aid]")) b.setAttribute("aria-pressed", String(b.dataset.aid === kind));
    }
    close() {
      if (this.open === "flood") return this.endFlood();
      if (this.open === "sim") return this.endSim();
      if (this.open === "route") return this.endRoute();
      this.open = "";
      this.card.hidden = true;
      this.card.replaceChildren();
      for (const b of document.querySelectorAll("[data-aid]")) b.setAttribute("aria-pressed", "false");
      return undefined;
    }
    head(text, sub) {
      return make("h3", {}, make("span", { textContent: text }), sub ? make("small", { textContent: sub }) : null);
    }
    button(text, act, props = {}) {
      const b = make("button", { type: "button", className: "btn", textContent: text, ...props });
      b.addEventListener("click", act);
      return b;
    }
    /* The next press on the map, or Esc. */
    pick(then) {
      const root = document.documentElement;
      const end = () => {
        delete root.dataset.pick;
        window.removeEventListener("ioc:picked", got);
        document.removeEventListener("keydown", left, true);
        this.cmd.say("", true);
      };
      const got = (e) => {
        end();
        then({ lon: e.detail[0], lat: e.detail[1], name: this.w("picked") });
      };
      const left = (e) => {
        if (e.key !== "Escape") return;
        e.stopPropagation();
        end();
      };
      root.dataset.pick = "";
      this.cmd.say(this.w("pick"), true);
      window.addEventListener("ioc:picked", got);
      document.addEventListener("keydown", left, true);
    }

    /* ------------------------------------------------------------ who and what is inside */
    inside(geometry, name) {
      this.cmd.area = geometry;
      this.cmd.areaName = name;
      this.cmd.drawn = geometry;
      this.cmd.offer("Polygon");
      this.cmd.shapes();
      this.cmd.ask();
      this.tellInside();
    }
    tellInside() {
      const { area: drawn, areaName } = this.cmd;
      this.chip.hidden = !drawn || drawn === this.set.area;
      if (this.chip.hidden) return;
      const clear = make("button", { type: "button", textContent: "×", title: this.w("inside.clear"), data: { insideClear: "1" }, attrs: { "aria-label": this.w("inside.clear") } });
      this.chip.replaceChildren(make("span", { textContent: this.w("inside") }), make("b", { className: "ellip", textContent: areaName || this.w("inside.drawn") }), clear);
    }
    insideIso(minutes) {
      const shape = this.cmd.isos.get(minutes);
      if (shape) this.inside(shape, this.w("inside.iso", { n: minutes, who: (this.from ?? this.here()).name }));
    }
    async insideWarning(el) {
      const id = el.dataset.sel.split(":")[1];
      const answer = await fetch(`/api/v1/warnings/${id}/area`, { credentials: "same-origin" }).catch(() => null);
      const got = answer?.ok ? await answer.json() : null;
      const name = el.querySelector("b")?.textContent ?? "";
      if (got?.geometry) this.inside(got.geometry, name);
      else this.cmd.say(this.w(got ? "inside.no_area" : "inside.failed", { name }));
    }

    /* ------------------------------------------------------------ a place of the map or a list; a drawn mark */
    showPlace(el) {
      const at = { lon: Number(el.dataset.lon), lat: Number(el.dataset.lat), name: el.dataset.name || this.w("picked") };
      const sub = el.dataset.sub ?? "";
      if (!Number.isFinite(at.lon) || el.dataset.lon === undefined) return;
      this.show(
        "place",
        this.head(at.name, sub),
        make("div", { className: "cacts" },
          this.button(this.w("place.iso"), () => this.startFrom(at)),
          this.button(this.w("place.route"), () => this.startRoute(at)),
          this.button(this.w("place.fly"), () => window.dispatchEvent(new CustomEvent("ioc:fly", { detail: [at.lon, at.lat, null] })))),
      );
    }
    showMark(id) {
      const mark = this.cmd.marks.find((m) => String(m.mark_id) === id);
      if (!mark) return;
      const kind = mark[this.set.lang] ?? mark.zh;
      const [lon, lat] = this.cmd.middle(mark.geometry);
      const may = this.set.mayDraw && !this.set.ended;
      const areal = /Polygon$/.test(mark.geometry.type);
      const facts = [[this.w("mark.responsible"), mark.responsible || this.w("sectors.nobody")], [this.w("mark.by"), mark.by]];
      this.show(
        "place",
        this.head(mark.label || kind, mark.label ? kind : ""),
        make("dl", {}, facts.map(([k, v]) => make("div", {}, make("dt", { textContent: k }), make("dd", { textContent: v })))),
        make("div", { className: "cacts" },
          areal ? this.button(this.w("mark.inside"), () => this.inside(mark.geometry, mark.label || kind), { className: "btn p" }) : null,
          this.button(this.w("place.iso"), () => this.startFrom({ lon, lat, name: mark.label || kind })),
          this.button(this.w("place.fly"), () => window.dispatchEvent(new CustomEvent("ioc:fly", { detail: [lon, lat, null] }))),
          may ? this.button(this.w("mark.change"), () => this.changeMark(mark)) : null,
          may ? this.button(this.w("mark.remove"), () => (this.close(), this.cmd.unmark(id))) : null),
      );
    }
    changeMark(mark) {
      this.close();
      const { w } = this.cmd;
      const fields = [{ name: "label", label: w("f.label"), kind: "text", value: mark.label, optional: true }, { name: "responsible", label: w("f.responsible"), kind: "text", value: mark.responsible, optional: true }];
      window.iocStep({ post: `/api/v1/marks/${mark.mark_id}`, method: "PUT", queue: true, title: this.w("mark.change"), sub: mark[this.set.lang] ?? mark.zh, body: { version: mark.version }, fields, words: this.set.formWords });
    }

    /* ------------------------------------------------------------ drive times */
    startFrom(at) {
      this.from = at;
      const chip = document.querySelector("[data-iso-from]");
      if (chip) {
        chip.textContent = (at ?? this.here()).name;
        chip.classList.toggle("other", at !== null);
      }
      if (at && !this.cmd.isos.size) return void this.everyIso();
      void this.cmd.refreshIsos();
    }
    async everyIso() {
      const buttons = [...document.querySelectorAll("[data-iso]")];
      const found = await this.cmd.isochrone(...buttons.map((b) => Number(b.dataset.iso)));
      for (const b of buttons) b.setAttribute("aria-pressed", String(found && this.cmd.isos.has(Number(b.dataset.iso))));
    }

    /* ------------------------------------------------------------ a route, and what closed roads cost it */
    startRoute(start) {
      if (this.flood) this.endFlood();
      this.route = { start: start ?? this.route?.start ?? null, end: this.route?.end ?? this.here(), told: null };
      this.showRoute();
      if (this.route.start) return void this.findRoute();
      this.pickRoute("start");
      return undefined;
    }
    pickRoute(which) {
      this.pick((at) => {
        if (!this.route) return;
        this.route[which] = at;
        this.showRoute();
        if (this.route.start) void this.findRoute();
      });
    }
    showRoute() {
      const { start, end, told, fault } = this.route;
      const row = (key, at) => make("div", { className: "cend" }, make("span", { textContent: this.w(`route.${key}`) }), make("b", { className: "ellip", textContent: at?.name ?? this.w("route.none") }), this.button(this.w("choose"), () => this.pickRoute(key)));
      const vehicles = document.querySelector("[data-iso-from]")?.parentElement.querySelector("select")?.cloneNode(true);
      if (vehicles) vehicles.value = this.vehicle;
      this.show("route", this.head(this.w("route")), row("start", start), row("end", end), vehicles ?? null, fault ? make("p", { className: "bad", textContent: fault }) : null, told ? this.routeTold(told) : null, told ? make("div", { className: "cacts" }, this.button(this.w("route.clear"), () => this.endRoute())) : null);
    }
    routeTold(told) {
      const said = (r) => this.w("route.takes", { time: this.minutes(r.seconds), way: metres(r.metres) });
      const way = told.steps.filter((s) => s.name).reduce((names, s) => (names.at(-1) === s.name ? names : [...names, s.name]), []);
      const lines = [make("p", { className: "cway now" }, make("i"), make("b", { textContent: said(told) }))];
      const before = told.without_closures;
      if (before) {
        const more = Math.max(0, Math.round((told.seconds - before.seconds) / 60));
        lines.push(make("p", { className: "cway was" }, make("i"), make("span", { textContent: this.w("route.before", { said: said(before) }) })));
        lines.push(make("p", { className: "num", textContent: this.w(told.seconds - before.seconds < 1 ? "route.same" : "route.more", { n: told.closed, more }) }));
      } else lines.push(make("p", { className: "mut", textContent: this.w(told.closed ? "route.only" : "route.free") }));
      if (way.length) lines.push(make("p", { className: "mut", textContent: this.w("route.via", { names: way.slice(0, 6).join(this.set.lang === "en" ? ", " : "、") }) }));
      return lines;
    }
    minutes(seconds) {
      return this.cmd.w("iso.min", { n: Math.max(1, Math.round(seconds / 60)) });
    }
    async findRoute() {
      const { start, end } = this.route;
      const turn = ++this.turn;
      const point = ({ lon, lat }) => ({ lon, lat });
      const answer = await this.cmd.out.send("POST", "/api/v1/command/route", { start: point(start), end: point(end), vehicle: this.vehicle, case_id: this.set.case }, "", false);
      if (turn !== this.turn || !this.route) return;
      const good = answer.ok && answer.body.state === "ok";
      this.route.told = good ? answer.body : null;
      this.route.fault = good ? "" : answer.ok ? this.said(answer.body.note) || this.w(`route.state.${answer.body.state}`) : this.cmd.why(answer).join("；");
      if (this.open === "route") this.showRoute();
      this.cmd.shapes();
    }
    endRoute() {
      this.route = null;
      if (this.open === "route") {
        this.open = "";
        this.close();
      }
      this.cmd.shapes();
    }

    /* ------------------------------------------------------------ closed roads */
    async loadClosures() {
      const answer = await fetch(`/api/v1/command/closures?case_id=${this.set.case}`, { credentials: "same-origin" }).catch(() => null);
      if (!answer?.ok) return;
      this.closures = ((await answer.json()).closures ?? []).filter((c) => !c.ended_at);
      const button = document.querySelector('[data-aid="closures"]');
      if (button) button.dataset.n = this.closures.length || "";
      if (this.open === "closures") this.showClosures();
    }
    showClosures() {
      const rows = this.closures.map((c) => {
        const facts = [this.w("closures.edges", { n: c.edges }), c.by, c.exercise ? this.w("closures.exercise") : ""].filter(Boolean).join(" · ");
        const open = this.set.mayClose ? this.button(this.w("closures.open"), () => this.reopen(c)) : null;
        const go = this.button(this.w("place.fly"), () => {
          const [lon, lat] = this.cmd.middle(c.shape ?? c.lines);
          window.dispatchEvent(new CustomEvent("ioc:fly", { detail: [lon, lat, null] }));
        });
        return make("li", {}, make("div", {}, make("b", { className: "ellip", textContent: c.reason }), make("small", { className: "num", textContent: facts })), go, open);
      });
      this.show("closures", this.head(this.w("closures"), String(this.closures.length || "")), rows.length ? make("ul", {}, rows) : make("p", { className: "mut", textContent: this.w("closures.none") }), this.set.mayClose && !this.set.ended ? make("p", { className: "mut", textContent: this.w("closures.how") }) : null);
    }
    reopen(c) {
      window.iocStep({ post: `/api/v1/command/closures/${c.closure_id}?version=${c.version}`, method: "DELETE", queue: true, title: this.w("closures.open"), sub: c.reason, body: {}, fields: [], words: this.set.formWords });
    }
    /* What changed all at once, by its layers. Vehicles all over a city tell where they are every few seconds: only the panels that
       can be another then are asked, and ways and drive times are found again when the roads change. */
    heard(change) {
      if (change?.topic !== "reload") return;
      const layers = change.record?.layers ?? [];
      if (layers.every((l) => PANELS_OF[l])) return this.cmd.soon(layers.flatMap((l) => PANELS_OF[l]));
      void this.loadClosures();
      void this.cmd.refreshIsos();
      if (this.route?.start) void this.findRoute();
      this.cmd.soon();
    }

    /* ------------------------------------------------------------ 推演: what a water level would cover */
    startFlood() {
      if (this.past) return;
      if (this.route) this.endRoute();
      if (this.sim) this.endSim();
      this.flood = { at: this.here(), rise: 1, told: null, fault: "" };
      this.showFlood();
      this.tryFlood();
    }
    showFlood() {
      const { at, rise, told, fault, busy } = this.flood;
      const value = make("b", { className: "num", textContent: this.w("flood.rise", { n: rise.toFixed(1) }) });
      const slider = make("input", { type: "range", ...RISE, value: String(rise), attrs: { "aria-label": this.w("flood.level") } });
      for (const [k, v] of Object.entries(RISE)) slider.setAttribute(k, v);
      slider.value = String(rise);
      const to = (v) => {
        this.flood.rise = Math.min(RISE.max, Math.max(RISE.min, v));
        value.textContent = this.w("flood.rise", { n: this.flood.rise.toFixed(1) });
        slider.value = String(this.flood.rise);
        this.card.classList.add("busy"); // the figures below are those of another level until the answer comes
        this.tryFlood();
      };
      slider.addEventListener("input", () => to(Number(slider.value)));
      const step = (sign, text) => this.button(text, () => to(this.flood.rise + sign * RISE.step), { className: "btn sq" });
      const focused = this.card.contains(document.activeElement) && document.activeElement.type === "range";
      this.show(
        "flood",
        make("h3", {}, make("em", { className: "wif", textContent: this.w("flood.tag") }), make("span", { textContent: this.w("flood") }), make("small", { textContent: this.w("flood.not_fact") })),
        make("div", { className: "cend" }, make("span", { textContent: this.w("flood.at") }), make("b", { className: "ellip", textContent: at.name }), this.button(this.w("choose"), () => this.pick((p) => {
          if (!this.flood) return;
          Object.assign(this.flood, { at: p, told: null, fault: "", busy: true });
          this.showFlood();
          this.drawFlood();
          this.tryFlood();
        }))),
        make("div", { className: "crise" }, step(-1, "−"), slider, step(1, "+"), value),
        fault ? make("p", { className: "bad", textContent: fault }) : null,
        told ? this.floodTold(told) : busy ? make("p", { className: "mut", textContent: this.w("flood.busy") }) : null,
        make("div", { className: "cacts" }, this.button(this.w("flood.end"), () => this.endFlood(), { className: "btn" })),
      );
      if (focused) this.card.querySelector("input[type=range]").focus();
    }
    floodTold(told) {
      const of = (key) => told.panels?.[key];
      const inArea = (state) => (state?.data?.areas ?? []).find((a) => a.area);
      const value = (state, number) => (!told.classes.length ? "0" : state?.state === "missing" ? this.w("flood.missing") : state?.state === "error" || state?.state === "forbidden" || !state ? "—" : (number(state) ?? 0).toLocaleString("en"));
      const rows = [
        [this.w("flood.area"), area(told.area_m2)],
        [this.w("flood.people"), value(of("people"), (s) => inArea(s)?.total)],
        [this.w("flood.targets"), value(of("targets"), (s) => s.data.inside?.count)],
        [this.w("flood.buildings"), value(of("buildings"), (s) => inArea(s)?.buildings)],
      ];
      const hit = (of("targets")?.data?.items ?? []).filter((i) => i.inside).slice(0, 6).map((i) => i.name);
      const depths = told.classes.map((c) => make("li", {}, make("i", { className: `d${c.class}` }), make("span", { textContent: this.said(c) }), make("u", { className: "num", textContent: area(c.area_m2) })));
      const notes = [...told.notes.map((n) => this.said(n)), told.clipped ? this.w("flood.clipped") : "", told.unknown_beside ? this.w("flood.unknown") : "", this.w("flood.terrain", { source: told.terrain.source || told.terrain.name, day: told.terrain.as_of.slice(0, 10), cell: told.cell_m >= 1 ? Math.round(told.cell_m) : told.cell_m })].filter(Boolean);
      return [
        make("p", { className: "num", textContent: this.w("flood.levels", { level: told.level_m.toFixed(2), ground: told.ground_m.toFixed(2), datum: told.datum }) }),
        make("dl", {}, rows.map(([k, v]) => make("div", {}, make("dt", { textContent: k }), make("dd", { className: "num", textContent: v })))),
        hit.length ? make("p", { textContent: this.w("flood.hit", { names: hit.join(this.set.lang === "en" ? ", " : "、") }) }) : null,
        depths.length ? make("ul", { className: "cdepth" }, depths) : make("p", { className: "mut", textContent: this.w("flood.dry") }),
        make("p", { className: "mut", textContent: notes.join(this.set.lang === "en" ? "; " : "；") }),
      ];
    }
    tryFlood() {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => void this.findFlood(), WAIT_MS);
    }
    async findFlood() {
      if (!this.flood) return;
      const { at, rise } = this.flood;
      const turn = ++this.turn;
      this.flood.busy = true;
      const answer = await this.cmd.out.send("POST", "/api/v1/command/flood", { lon: at.lon, lat: at.lat, rise_m: rise, case_id: this.set.case }, "", false);
      if (turn !== this.turn || !this.flood) return; // ended meanwhile, or asked anew
      const none = (answer.body?.reasons ?? []).some((r) => r.code === "no_terrain");
      Object.assign(this.flood, { busy: false, told: answer.ok ? answer.body : null, fault: answer.ok ? "" : none ? this.w("flood.none") : this.cmd.why(answer).join("；") });
      this.showFlood();
      this.drawFlood();
    }
    drawFlood() {
      const shown = Boolean(this.flood?.told || this.sim);
      document.getElementById("cmd-whatif").hidden = !shown;
      this.card.closest(".mapbox").classList.toggle("whatif", shown);
      this.cmd.shapes();
    }
    endFlood() {
      clearTimeout(this.waiting);
      this.turn++;
      this.flood = null;
      this.drawFlood();
      if (this.open === "flood") {
        this.open = "";
        this.close();
      }
    }

    /* ------------------------------------------------------------ 推演 of a decision: the area of a run, kept apart as the water is */
    made(kind) {
      this.simNext = kind === "simulation";
    }
    /* The panel was drawn anew: what is shown stays that of its button, and one just asked for is shown. */
    simAgain() {
      const button = document.querySelector("[data-sim]");
      if (!button) return;
      const other = button.dataset.sim !== (this.sim?.key ?? button.dataset.sim);
      if (other || (this.simNext && JSON.parse(button.dataset.sim).id)) void this.startSim(button, true);
      else button.setAttribute("aria-pressed", String(Boolean(this.sim)));
    }
    async startSim(button, stay = false) {
      if (this.sim && !stay) return this.endSim();
      this.simNext = false;
      const key = button.dataset.sim;
      let told = JSON.parse(key);
      if (this.sim?.key === key) return undefined;
      if (this.sim) this.sim.key = key; // asked for once, however often the panel is drawn meanwhile
      if (told.id) {
        const answer = await fetch(`/api/v1/command/simulations/${told.id}`, { credentials: "same-origin" }).catch(() => null);
        if (!answer?.ok) return this.cmd.say(this.w("sim.gone"));
        told = await answer.json();
        told.area = told.geometry;
      }
      if (this.flood) this.endFlood();
      if (this.route) this.endRoute();
      this.sim = { key, told };
      this.showSim();
      this.drawFlood();
      return undefined;
    }
    showSim() {
      const { told } = this.sim;
      const median = (times) => (times ? this.minutes(times.p50) : "—");
      const at = told.at ? new Intl.DateTimeFormat("zh-CN", { timeZone: this.set.zone, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false }).format(Date.parse(told.at)) : "";
      const people = told.affected?.people;
      const rows = [
        [this.w("sim.people"), people === null || people === undefined ? "—" : Math.round(people).toLocaleString("en")],
        [this.w("sim.first"), median(told.first)], [this.w("sim.third"), median(told.third)], [this.w("sim.out"), median(told.evacuation)],
      ];
      const notes = [told.water ? this.w("flood.levels", { level: told.water.level_m.toFixed(2), ground: told.water.ground_m.toFixed(2), datum: told.water.datum }) : "", told.params?.closed?.length ? this.w("sim.closed") : ""].filter(Boolean);
      this.show(
        "sim",
        make("h3", {}, make("em", { className: "wif", textContent: this.w("flood.tag") }), make("span", { textContent: at ? this.w("sim.by", { by: told.by ?? "", at }) : this.w("sim.usual") }), make("small", { textContent: this.w("sim.not_fact") })),
        make("dl", {}, rows.map(([k, v]) => make("div", {}, make("dt", { textContent: k }), make("dd", { className: "num", textContent: v })))),
        notes.length ? make("p", { className: "mut", textContent: notes.join(this.set.lang === "en" ? "; " : "；") }) : null,
        make("div", { className: "cacts" }, this.button(this.w("flood.end"), () => this.endSim(), { className: "btn" })),
      );
      document.querySelector("[data-sim]")?.setAttribute("aria-pressed", "true");
    }
    endSim() {
      this.sim = null;
      this.simNext = false;
      document.querySelector("[data-sim]")?.setAttribute("aria-pressed", "false");
      this.drawFlood();
      if (this.open === "sim") {
        this.open = "";
        this.close();
      }
    }
    simShapes() {
      const { told } = this.sim;
      const rings = (told.params?.closed ?? []).map(([lon, lat, metres_], i) => ({ id: `whatif-closed-${i}`, geometry: this.cmd.circle(lon, lat, metres_), tone: "ink-1", width: 1.4, dashed: true, fill: 0 }));
      return [...(told.area ? [{ id: "whatif-area", geometry: told.area, tone: "series", width: 2, dashed: true, fill: 0.22 }] : []), ...rings];
    }

    /* ------------------------------------------------------------ what lies over the map */
    shapes() {
      const out = this.sim ? this.simShapes() : [];
      for (const c of this.flood?.told?.classes ?? []) out.push({ id: `whatif-${c.class}`, geometry: c.geometry, tone: "series", width: 1, dashed: true, fill: 0.12 + 0.1 * c.class });
      const told = this.route?.told;
      if (told?.without_closures?.geometry) out.push({ id: "route-before", geometry: told.without_closures.geometry, tone: "ink-2", width: 3, dashed: true });
      if (told?.geometry) out.push({ id: "route", geometry: told.geometry, tone: "accent", width: 4 });
      return out;
    }
    /* Words at the top of each drive-time area, and over the water. */
    tags() {
      const top = (geometry) => {
        const flat = (c) => (typeof c[0] === "number" ? [c] : c.flatMap(flat));
        return flat(geometry.coordinates).reduce((a, b) => (b[1] > a[1] ? b : a));
      };
      const out = [...this.cmd.isos].map(([minutes, geometry]) => ({ at: top(geometry), text: this.cmd.w("iso.min", { n: minutes }), data: { isoTag: minutes }, className: "cring ciso" }));
      if (this.from) out.push({ at: [this.from.lon, this.from.lat], text: this.from.name, data: {}, className: "cring cfar" });
      if (this.flood?.told) out.push({ at: [this.flood.at.lon, this.flood.at.lat], text: `${this.w("flood.tag")} ${this.w("flood.rise", { n: this.flood.rise.toFixed(1) })}`, data: {}, className: "cring cwif" });
      if (this.sim?.told.area) out.push({ at: top(this.sim.told.area), text: `${this.w("flood.tag")} ${this.w("sim.area")}`, data: {}, className: "cring cwif" });
      const ends = this.route?.told ? [this.route.start, this.route.end].filter((p) => p && p.lon !== this.set.lon) : [];
      for (const p of ends) out.push({ at: [p.lon, p.lat], text: p.name, data: {}, className: "cring cfar" });
      return out.map(({ at, text, data, className }) => make(data.isoTag ? "button" : "div", { className, textContent: text, data: { lon: at[0], lat: at[1], ...data }, ...(data.isoTag ? { type: "button", title: this.w("inside.ask") } : {}) }));
    }
  }
  window.iocAidsOf = (cmd) => new Aids(cmd);
})();
