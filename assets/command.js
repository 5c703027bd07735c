/* The command workspace: panels asked for in parallel, rings and drawings, marks, orders and acts. The server decides everything;
   what cannot be sent is kept, marked, and sent once when the line is back. */
(() => {
  "use strict";
  const make = (tag, props = {}, ...children) => {
    const { data = {}, attrs = {}, ...rest } = props;
    const el = Object.assign(document.createElement(tag), rest);
    for (const [k, v] of Object.entries(data)) el.dataset[k] = v;
    for (const [k, v] of Object.entries(attrs)) el.setAttribute(k, v);
    el.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
    return el;
  };
  const store = (id, data) => window.dash_clientside?.set_props(id, { data });
  const show = (shapes) => window.dispatchEvent(new CustomEvent("ioc:shapes", { detail: shapes }));
  const ASK_MS = 30000;
  const LATE_MS = 10000;
  const RETRY_MS = 5000;
  const AGAIN_MS = 400;
  const SOON_MS = 1500;
  const QUEUE = "ioc.command.queue";
  const DEGREE_M = 111320;
  const past = () => !["", "live"].includes(new URLSearchParams(location.search).get("t") ?? "");

  const span = (ms) => {
    const s = Math.max(0, Math.floor(Math.abs(ms) / 1000));
    const two = (n) => String(n).padStart(2, "0");
    const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
    return h ? `${h}:${two(m)}:${two(s % 60)}` : `${two(m)}:${two(s % 60)}`;
  };
  /* A circle of `metres` round a place: what the eye needs, the server measures by itself. */
  const circle = (lon, lat, metres) => {
    const k = metres / DEGREE_M;
    const squeeze = Math.max(0.05, Math.cos((lat * Math.PI) / 180));
    const at = (i) => [lon + (k * Math.cos((i * Math.PI) / 48)) / squeeze, lat + k * Math.sin((i * Math.PI) / 48)];
    return { type: "Polygon", coordinates: [Array.from({ length: 97 }, (_, i) => at(i % 96))] };
  };

  /* ------------------------------------------------------------ sending: now, or once when the line is back */
  /* A line that is dead without anybody saying so: nobody waits longer for its answer. The key makes a second arrival harmless. */
  const SEND_MS = 15000;
  const AWAY = new Set([408, 425, 429, 502, 503, 504]); // what stands before the server answers in its place
  const TRIES = 5;
  const cut = (error) => error instanceof TypeError || (error instanceof DOMException && /^(Abort|Timeout)Error$/.test(error.name));
  class Outgoing {
    /* `who`: the account; what one person has said is never sent by another who signs in at the same desk. */
    constructor(who, tell) {
      this.who = who;
      this.tell = tell;
      this.timer = 0;
      window.addEventListener("online", () => this.flush());
      window.addEventListener("storage", (e) => e.key === QUEUE && this.tell(this.mine()));
      this.flush();
    }
    read() {
      try {
        const found = JSON.parse(localStorage.getItem(QUEUE) ?? "[]");
        return Array.isArray(found) ? found : [];
      } catch {
        return [];
      }
    }
    mine() {
      return this.read().filter((l) => l.who === this.who);
    }
    /* Those still to be sent; what was refused stays in sight until somebody takes it away. */
    waiting() {
      return this.mine().filter((l) => !l.refused);
    }
    write(list) {
      localStorage.setItem(QUEUE, JSON.stringify(list));
      this.tell(this.mine());
    }
    change(key, values) {
      this.write(this.read().map((l) => (l.key === key ? { ...l, ...values } : l)));
    }
    drop(key) {
      this.write(this.read().filter((l) => l.key !== key));
    }
    /* {ok, status, body, queued}. A key of its own makes the server store it once however often it arrives. */
    async send(method, url, body, words, keep = true) {
      const at = new Date(window.iocPage?.clock.now() ?? Date.now()).toISOString();
      // an entry of the log is of when it was written, not of when the line came back
      if (keep && body?.act === "log") body.given = { happened_at: at, ...body.given };
      const line = { key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, who: this.who, at, method, url, body, words };
      if (keep && !past() && this.waiting().length) return this.keep(line); // what was said first is sent first
      try {
        const answer = await this.post(line);
        return keep && !past() && AWAY.has(answer.status) ? this.keep(line) : answer;
      } catch (error) {
        if (!cut(error)) throw error;
        return keep && !past() ? this.keep(line) : { ok: false, status: 0, body: {} };
      }
    }
    keep(line) {
      this.write([...this.read(), line]);
      this.later();
      return { ok: true, status: 0, body: {}, queued: true };
    }
    async post(line) {
      const answer = await fetch(line.url, {
        method: line.method, credentials: "same-origin", signal: AbortSignal.timeout(SEND_MS),
        headers: { "Content-Type": "application/json", "Idempotency-Key": line.key }, body: line.body === undefined ? undefined : JSON.stringify(line.body),
      });
      return { ok: answer.ok, status: answer.status, body: await answer.json().catch((error) => { if (cut(error)) throw error; return {}; }) };
    }
    later() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.flush(), RETRY_MS);
    }
    async flush() {
      this.tell(this.mine());
      if (past()) return; // a page that looks back sends nothing; what waits is left to one that does not
      const work = async () => {
        for (let line = this.waiting()[0]; line; line = this.waiting()[0]) {
          let answer;
          try {
            answer = await this.post(line);
          } catch (error) {
            if (!cut(error)) throw error;
            return this.later();
          }
          const { status } = answer;
          if (status === 401) {
            this.change(line.key, { signedOut: true }); // it waits for its author to sign in again
            return this.later();
          }
          if (AWAY.has(status) || answer.body.error === "past_locked") return this.later();
          if (status >= 500 && (line.tries ?? 0) < TRIES) {
            this.change(line.key, { tries: (line.tries ?? 0) + 1 });
            return this.later();
          }
          if (answer.ok) this.drop(line.key);
          else this.change(line.key, { refused: answer.body?.zh ? answer.body : {}, signedOut: false });
          window.dispatchEvent(new CustomEvent("ioc:command-sent", { detail: { line, answer } }));
        }
      };
      // two pages of one seat share what waits: only one of them sends
      await (navigator.locks ? navigator.locks.request(QUEUE, work) : work());
    }
  }

  /* ------------------------------------------------------------ the page */
  class Command {
    constructor(host, set) {
      this.host = host;
      this.set = set;
      this.w = (key, values = {}) => Object.entries(values).reduce((s, [k, v]) => s.replaceAll(`{${k}}`, v), set.words[key] ?? key);
      this.n = 0;
      this.ring = set.rings?.[1] ?? 0;
      this.area = set.area ?? null;
      this.isos = new Map();
      this.marks = [];
      this.out = new Outgoing(set.who ?? "", (list) => this.queued(list));
      host.ownerDocument.addEventListener("click", (e) => this.press(e));
      window.addEventListener("ioc:change", (e) => this.heard(e.detail));
      window.addEventListener("ioc:command-say", ({ detail }) => {
        this.say([detail.text], detail.good);
        clearTimeout(this.hush);
        this.hush = setTimeout(() => this.say("", true), 8000);
      });
      window.addEventListener("ioc:command-sent", (e) => this.sent(e.detail));
      if (set.list) return void this.themed();
      setInterval(() => this.tick(), 1000);
      setInterval(() => document.visibilityState === "visible" && this.ask(), ASK_MS);
      window.iocPage?.live.onResync(() => {
        this.again();
        if (!past()) return;
        this.ask(); // another moment: nothing is pushed, everything is asked for
        void this.aids.loadClosures();
      });
      const seen = new MutationObserver((records) => {
        for (const { target, type } of records) if (type === "attributes") delete target.dataset.busy;
        this.places();
        this.aids?.simAgain();
      });
      for (const el of document.querySelectorAll("[data-panel]")) seen.observe(el, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-n"] });
      const { url } = window.iocPage;
      if (set.lon !== null && !url.value.view) url.replace({ view: { lon: set.lon, lat: set.lat, zoom: this.fit() } });
      // the acts are drawn anew with every change: a menu that is open stays open under the hand
      document.addEventListener("toggle", (e) => e.target.closest?.("#cmd-act") && (this.menu = e.target.open), true);
      const foot = document.getElementById("cmd-act");
      new MutationObserver(() => this.menu && foot.querySelector("details:not([open])")?.setAttribute("open", "")).observe(foot, { childList: true, subtree: true });
      this.onMap((m) => {
        m.on("move", () => this.position());
        this.shapes();
      });
      this.aids = window.iocAidsOf(this);
      this.ask();
      void this.loadMarks();
    }
    /* Rings of the chosen theme (核应急) on the list's map; the rows are drawn anew as things change. */
    themed() {
      const draw = () => {
        const rings = [...document.querySelectorAll("[data-rings]")].flatMap((el) => JSON.parse(el.dataset.rings));
        show(rings.map(({ lon, lat, m }, i) => ({ id: `ring-${i}`, geometry: circle(lon, lat, m), tone: "ink-2", width: 1.6, dashed: true, fill: 0 })));
      };
      const list = document.getElementById("cmd-list");
      if (!list) return;
      this.onMap(draw);
      new MutationObserver(draw).observe(list, { childList: true });
    }
    circle(lon, lat, metres) {
      return circle(lon, lat, metres);
    }
    /* The map comes later than the page. */
    onMap(fn) {
      const m = window.iocMaps?.map?.map;
      if (m && m.isStyleLoaded()) return fn(m);
      setTimeout(() => this.onMap(fn), 150);
    }
    map() {
      return window.iocMaps?.map?.map;
    }
    /* The second ring fills two thirds of the map. */
    fit() {
      const box = document.querySelector(".mapbox");
      const px = Math.min(box?.clientWidth ?? 900, box?.clientHeight ?? 700) / 3;
      const metres = (this.set.rings?.[2] ?? 2000) * 1.1;
      return Math.log2((Math.cos((this.set.lat * Math.PI) / 180) * 40075016.7 * px) / (512 * metres));
    }
    tick() {
      const now = window.iocPage?.clock.now() ?? Date.now();
      for (const el of this.host.querySelectorAll("[data-since]")) el.textContent = span(now - Date.parse(el.dataset.since));
      for (const el of this.host.querySelectorAll("[data-until]")) {
        const left = Date.parse(el.dataset.until) - now;
        el.textContent = span(left);
        el.classList.toggle("over", left < 0);
      }
      for (const el of this.host.querySelectorAll("[data-clock]"))
        el.textContent = new Intl.DateTimeFormat("zh-CN", { timeZone: this.set.zone, hour: "2-digit", minute: "2-digit", hour12: false }).format(new Date(now));
    }
    /* ---- panels */
    ask(only) {
      if (this.set.list || this.set.lon === null || this.set.lon === undefined) return;
      const busy = [...document.querySelectorAll("[data-panel][data-busy]")];
      const wish = JSON.stringify([this.ring, this.area, this.areaName]);
      // what is still being answered is not asked again, unless it is overdue; another area or ring is asked for afterwards
      if (!only && this.n && busy.length && Date.now() - this.asked < LATE_MS) {
        clearTimeout(this.later);
        if (wish !== this.wish) this.later = setTimeout(() => this.ask(), AGAIN_MS);
        return;
      }
      this.asked = Date.now();
      if (!only) this.wish = wish;
      for (const el of document.querySelectorAll("[data-panel]")) if (!only || only.includes(el.dataset.panel)) el.dataset.busy = "1";
      store("st-ask", { n: ++this.n, radius_m: Math.max(this.set.radius, this.ring), ring_m: this.ring, area: this.area, area_name: this.area && this.area !== this.set.area ? (this.areaName ?? "") : "", only: only ?? null });
    }
    again() {
      store("st-cmd", { n: ++this.n });
      void this.loadMarks();
    }
    heard(change) {
      if (!change) return;
      const mine = change.record?.case === `case:${this.set.case}` || change.key === `case:${this.set.case}` || change.key === `incident:${this.set.case}`;
      if (mine && change.topic === "mark") {
        void this.loadMarks();
        this.ask(["sectors"]);
      }
      if (mine) store("st-cmd", { n: ++this.n });
      if (mine && change.topic === "timeline") this.ask(["plan", "forces", "contacts"]);
      if (change.topic === "warning") this.soon();
    }
    /* What changes in a burst is asked for once: these panels, or all of them. What is still being answered was asked too early. */
    soon(panels) {
      if (panels && !panels.length) return;
      this.due = panels && this.due !== "all" ? new Set([...(this.due ?? []), ...panels]) : "all";
      this.waiting ??= setTimeout(() => {
        const only = this.due === "all" ? undefined : [...this.due];
        this.due = this.waiting = undefined;
        const busy = [...document.querySelectorAll("[data-panel][data-busy]")].some((el) => !only || only.includes(el.dataset.panel));
        if (busy && Date.now() - this.asked < LATE_MS) this.soon(only);
        else this.ask(only);
      }, SOON_MS);
    }
    /* ---- what lies over the map */
    shapes() {
      const { lon, lat } = this.set;
      if (lon === null || lon === undefined) return;
      const tone = this.set.level ? `lv${this.set.level}` : "ink-2";
      const rings = (this.set.rings ?? []).map((m) => ({ id: `ring-${m}`, geometry: circle(lon, lat, m), tone, width: m === this.ring ? 2 : 1.2, dashed: m > this.ring, fill: m === this.ring ? 0.05 : 0 }));
      const isos = [...this.isos].map(([minutes, geometry]) => ({ id: `iso-${minutes}`, geometry, tone: "ink-3", width: 1.2, fill: 0.08 }));
      const line = this.drawn?.type === "LineString" ? [{ id: "drawn", geometry: this.drawn, tone: "accent", width: 2 }] : [];
      const area = this.area ? [{ id: "area", geometry: this.area, tone: "accent", width: 2, fill: 0.1 }] : [];
      const drawn = this.marks.filter((m) => m.geometry.type !== "Point").map((m) => ({ id: m.key, geometry: m.geometry, tone: "ink-1", width: 2, dashed: true, fill: m.geometry.type === "Polygon" ? 0.05 : 0 }));
      show([...isos, ...rings, ...area, ...line, ...drawn, ...(this.aids?.shapes() ?? [])]);
      this.places();
    }
    /* Marks are the rows of the panels that have a place, and what commanders have drawn. */
    places() {
      const box = document.getElementById("cmd-marks");
      if (!box) return;
      const items = [...document.querySelectorAll("[data-panel] [data-mark]")].filter((el) => el.dataset.lon).map((el) => ({ lon: Number(el.dataset.lon), lat: Number(el.dataset.lat), svg: el.querySelector("svg.ic"), text: el.dataset.name ?? "", sub: el.dataset.sub ?? "", state: el.dataset.state ?? "" }));
      const own = this.marks.map((m) => ({ lon: this.middle(m.geometry)[0], lat: this.middle(m.geometry)[1], text: m.label || (m[this.set.lang] ?? m.zh), sub: m.responsible || (["sector", "checkpoint"].includes(m.kind) ? "" : m.by), state: "drawn", id: m.mark_id }));
      const { lon, lat } = this.set;
      const tags = (this.set.rings ?? []).map((m) => ({ lon: lon + (m / DEGREE_M / Math.cos((lat * Math.PI) / 180)) * Math.cos(2.45), lat: lat + (m / DEGREE_M) * Math.sin(2.45), tag: m < 1000 ? `${m} m` : `${m / 1000} km` }));
      const here = make("div", { className: "chere", data: { lon, lat } });
      const mark = document.querySelector(".chd .ti>.lv")?.cloneNode(true);
      if (mark) here.append(mark);
      box.replaceChildren(here, ...[...own, ...items].slice(0, 60).map((i) => this.mark(i)), ...tags.map((i) => this.tag(i)), ...(this.aids?.tags() ?? []));
      this.position();
    }
    mark(i) {
      const svg = (i.svg ?? document.querySelector("#cmd-flag svg"))?.cloneNode(true);
      const words = make("span", { className: "cw" }, make("b", { textContent: i.text }), i.sub ? make("em", { textContent: i.sub }) : null);
      return make("div", { className: `cmk ${i.state}`, data: { lon: i.lon, lat: i.lat, scrolls: "1", ...(i.id ? { ownMark: i.id } : { name: i.text, sub: i.sub ?? "" }) }, title: [i.text, i.sub].filter(Boolean).join(" · ") }, make("i", {}, svg), words);
    }
    tag(i) {
      return make("div", { className: "cring", data: { lon: i.lon, lat: i.lat }, textContent: i.tag });
    }
    position() {
      const m = this.map();
      const box = document.getElementById("cmd-marks");
      if (!m || !box) return;
      const taken = [];
      const at = [...box.children].map((el) => [el, m.project([Number(el.dataset.lon), Number(el.dataset.lat)])]);
      for (const [el, p] of at) {
        el.style.transform = `translate(${p.x}px,${p.y}px)`;
        taken.push({ of: el, x: p.x - 14, y: p.y - 14, r: p.x + 14, b: p.y + 14 });
      }
      for (const [el, p] of at) {
        const words = el.querySelector(".cw");
        if (!words) continue;
        // words that would cover others, or a mark, are left out; the mark stays and says them on hover
        const w = { of: el, x: p.x + 16, y: p.y - 16, r: p.x + 26 + 7 * Math.max(...[...words.children].map((c) => [...c.textContent].reduce((s, ch) => s + (ch > "\u2e80" ? 2 : 1), 0))), b: p.y + 16 };
        const covered = taken.some((t) => t.of !== el && w.x < t.r && w.r > t.x && w.y < t.b && w.b > t.y);
        words.hidden = covered;
        if (!covered) taken.push(w);
      }
    }
    async loadMarks() {
      if (this.set.list) return;
      try {
        const answer = await fetch(`/api/v1/incidents/${this.set.case}/marks`, { credentials: "same-origin" });
        if (answer.ok) this.marks = (await answer.json()).marks ?? [];
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // the strip of the page says that the line is cut
        return;
      }
      this.shapes();
    }
    async refreshIsos() {
      if (this.isos.size) await this.isochrone(...this.isos.keys());
    }
    /* Drive times from the incident, or from where the tools were told to begin. True where one was found. */
    async isochrone(...minutes) {
      const { lon, lat } = this.aids?.from ?? this.set;
      const answer = await this.out.send("POST", "/api/v1/command/isochrones", { lon, lat, minutes, vehicle: this.aids?.vehicle, case_id: this.set.case }, "", false);
      const found = (answer.ok ? (answer.body.bands ?? []) : []).filter((b) => b.geometry && minutes.includes(b.minutes));
      for (const m of minutes) this.isos.delete(m);
      for (const band of found) this.isos.set(band.minutes, band.geometry);
      if (!found.length) this.say(answer.ok ? [answer.body.note?.[this.set.lang] ?? this.w("iso.none")] : this.why(answer));
      for (const b of document.querySelectorAll("[data-iso]")) b.setAttribute("aria-pressed", String(this.isos.has(Number(b.dataset.iso))));
      this.shapes();
      return found.length > 0;
    }
    say(lines, good = false) {
      const el = document.getElementById("cmd-measure");
      if (!el) return;
      el.className = `cmeas ${good ? "" : "bad"}`;
      el.textContent = [lines].flat().join("；");
      clearTimeout(this.hush);
      if (!good) this.hush = setTimeout(() => (el.textContent = ""), 8000);
    }
    why(answer) {
      const lang = this.set.lang;
      const reasons = answer.body?.reasons ?? [];
      if (reasons.length) return reasons.map((r) => r[lang] ?? r.zh);
      return [answer.body?.[lang] ?? answer.body?.zh ?? this.w("failed")];
    }
    /* ---- presses */
    press(event) {
      const el = event.target instanceof Element ? event.target : null;
      if (!el) return;
      const on = (name) => el.closest(`[data-${name}]`);
      const ring = on("ring");
      const iso = on("iso");
      const draw = on("draw");
      const tab = on("cmd-tab");
      if (ring) {
        this.ring = Number(ring.dataset.ring);
        for (const b of document.querySelectorAll("[data-ring]")) b.setAttribute("aria-pressed", String(b === ring));
        this.shapes();
        this.ask();
      } else if (iso) void this.toggleIso(iso);
      else if (draw) void this.draw(draw.dataset.draw);
      else if (on("ask")) this.ask([on("ask").dataset.ask]);
      else if (on("cmd-key")) on("cmd-key").setAttribute("aria-pressed", String(document.getElementById("cmd-log").classList.toggle("only")));
      else if (tab) this.tab(tab);
      else if (on("check-step")) void this.checkStep(on("check-step"));
      else if (on("order-to")) this.orderTo(on("order-to"));
      else if (on("ask-phone")) void this.openPhone(on("ask-phone"));
      else if (on("cmd")) void this.open(on("cmd").dataset.cmd);
    }
    async toggleIso(button) {
      const minutes = Number(button.dataset.iso);
      if (this.isos.delete(minutes)) {
        button.setAttribute("aria-pressed", "false");
        return this.shapes();
      }
      button.setAttribute("aria-busy", "true");
      const good = await this.isochrone(minutes);
      button.removeAttribute("aria-busy");
      button.setAttribute("aria-pressed", String(good));
    }
    tab(button) {
      for (const b of document.querySelectorAll("[data-cmd-tab]")) {
        const mine = b === button;
        b.classList.toggle("on", mine);
        b.setAttribute("aria-pressed", String(mine));
        document.getElementById(`cmd-${b.dataset.cmdTab}`).hidden = !mine;
      }
    }
    /* ---- drawing; every area answers who and what is inside */
    async draw(mode) {
      this.stop?.();
      this.stop = null;
      for (const b of document.querySelectorAll("[data-draw]")) b.setAttribute("aria-pressed", String(b.dataset.draw === mode && mode !== ""));
      const clear = document.querySelector('[data-draw=""]');
      if (!mode) {
        this.area = this.set.area ?? null;
        this.areaName = "";
        this.drawn = null;
        this.offer("");
        clear.hidden = true;
        this.say("", true);
        this.shapes();
        this.aids?.tellInside();
        return this.ask();
      }
      const { drawOn } = await import(this.bundle("ioc_draw"));
      const colour = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
      this.stop = drawOn(this.map(), mode, colour, (told) => {
        clear.hidden = false;
        this.say(this.measured(told), true);
        if (!told.done) return;
        // terra-draw takes its own drawing away when it stops; ours stays
        setTimeout(() => {
          this.stop?.();
          this.stop = null;
          for (const b of document.querySelectorAll("[data-draw]")) b.setAttribute("aria-pressed", "false");
        });
        this.drawn = told.geometry;
        this.offer(told.geometry.type);
        if (told.geometry.type !== "Polygon") return this.shapes();
        this.area = told.geometry;
        this.areaName = "";
        this.shapes();
        this.aids?.tellInside();
        this.ask();
      });
    }
    /* What can be made of a drawing of this kind. */
    offer(kind) {
      const box = document.getElementById("cmd-drawn");
      if (!box) return;
      for (const b of box.children) b.hidden = !kind || !b.dataset.shapes.split(" ").includes(kind);
      box.hidden = [...box.children].every((b) => b.hidden);
    }
    /* Where a mark has its words: a point itself, the middle of what is longer. */
    middle(geometry) {
      const flat = (c) => (typeof c[0] === "number" ? [c] : c.flatMap(flat));
      const all = flat(geometry.coordinates);
      const mid = (n) => (Math.min(...all.map((c) => c[n])) + Math.max(...all.map((c) => c[n]))) / 2;
      return geometry.type === "Point" ? geometry.coordinates : [mid(0), mid(1)];
    }
    unmark(id) {
      const mark = this.marks.find((m) => String(m.mark_id) === id);
      if (!mark || !this.set.mayDraw) return;
      const words = this.set.formWords;
      window.iocStep({ post: `/api/v1/marks/${mark.mark_id}?version=${mark.version}`, method: "DELETE", queue: true, title: this.w("mark.remove"), sub: [mark[this.set.lang] ?? mark.zh, mark.label].filter(Boolean).join(" · "), body: {}, fields: [], words });
    }
    bundle(name) {
      const own = [...document.scripts].find((s) => /ioc_ui[^/]*\.js/.test(s.src))?.src ?? "";
      return own.replace(/ioc_ui((?:\.v[\w-]+m[0-9a-f]+)?)\.js(\?.*)?$/, `${name}$1.js`);
    }
    measured({ measure, mode }) {
      if (mode === "linestring") return measure < 1000 ? `${measure.toFixed(0)} m` : `${(measure / 1000).toFixed(2)} km`;
      return measure < 1e6 ? `${Math.round(measure).toLocaleString("en")} m²` : `${(measure / 1e6).toFixed(2)} km²`;
    }
    /* ---- what waits to be sent */
    queued(list) {
      const log = document.getElementById("cmd-log")?.parentElement;
      if (!log) return;
      let box = log.querySelector(".cqueue");
      if (!list.length) return box?.remove();
      box ??= log.insertBefore(make("ul", { className: "cqueue", attrs: { role: "status" } }), log.children[1]);
      const at = new Intl.DateTimeFormat("zh-CN", { timeZone: this.set.zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
      const line = (l) => {
        const state = l.refused ? "queued.refused" : l.signedOut ? "queued.signed_out" : "queued";
        const why = l.refused ? make("small", { textContent: this.why({ body: l.refused }).join(this.set.lang === "en" ? "; " : "；") }) : null;
        const away = l.refused ? make("button", { type: "button", textContent: "×", title: this.w("queued.dismiss"), attrs: { "aria-label": this.w("queued.dismiss") } }) : null;
        away?.addEventListener("click", () => this.out.drop(l.key));
        return make("li", { className: l.refused ? "no" : "" }, make("em", { textContent: this.w(state) }), make("span", {}, l.words, why), l.at ? make("time", { className: "num", textContent: at.format(new Date(l.at)) }) : null, away);
      };
      box.replaceChildren(...list.map(line));
    }
    sent() {
      this.again();
    }
    /* What a form of desk.js has gathered: "" when it was taken or waits to be sent, else why not. */
    async take(form, given) {
      const values = { ...given };
      for (const [from, to] of Object.entries(form.rename ?? {})) if (from in values) [values[to], values[from]] = [values[from], undefined];
      for (const [name, [a, b]] of Object.entries(form.pair ?? {})) {
        const [kind, ...rest] = String(values[name] ?? "").split("|");
        values[name] = { [a]: kind, [b]: rest.join("|") };
      }
      for (const name of form.flags ?? []) values[name] = values[name] === "yes";
      if (form.departments) values[form.departments] = String(values[form.departments] ?? "").split(/[、,，;；]/).map((ref) => ref.trim()).filter(Boolean).map((ref) => ({ kind: "department", ref }));
      if (form.geometry) values[form.geometry] = this.drawn;
      if (form.versioned) form.body.version = this.version();
      const body = form.under ? { ...form.body, [form.under]: values } : { ...form.body, ...values };
      const said = [form.title, given.what ?? given.text ?? given.reason ?? given.title ?? ""].filter(Boolean).join(" ");
      const answer = await this.out.send(form.method ?? "POST", form.post, body, said, !form.online);
      if (!answer.ok) {
        const label = (name) => form.fields.find((f) => name === f.name || name.endsWith(`.${f.name}`))?.label ?? name;
        const reasons = (answer.body.reasons ?? []).map((r) => `${label(r.field)} ${r[this.set.lang] ?? r.zh}`);
        return [answer.body[this.set.lang] ?? form.words.failed, ...reasons].join(this.set.lang === "en" ? "; " : "；");
      }
      if (form.again) this.ask(form.again);
      if (form.geometry && !answer.queued) void this.draw("");
      if (form.go && answer.body[form.go]) location.assign(`/desk/command/${answer.body[form.go]}${location.search}`);
      else this.again();
      return "";
    }
    /* Of the incident as the page shows it now: the acts at the foot carry it. */
    version() {
      const forms = [...document.querySelectorAll("#cmd-act [data-step]")].map((b) => JSON.parse(b.dataset.step));
      return forms.find((f) => f.body.act)?.body.version ?? this.set.version;
    }
    /* An area of a form: what is drawn on the map, else the ring that is chosen. */
    areaField(field) {
      const drawn = this.area;
      const { lon, lat } = this.set;
      const ring = this.ring && lon !== undefined ? circle(lon, lat, this.ring) : null;
      const option = (value, text) => make("option", { value, textContent: text });
      const choices = [drawn && option("drawn", this.w("area.drawn")), ring && option("ring", this.w("area.ring", { r: this.ring < 1000 ? `${this.ring} m` : `${this.ring / 1000} km` }))].filter(Boolean);
      const el = make("select", { name: field.name }, ...choices, field.optional || !choices.length ? option("", this.w("area.none")) : null);
      return { element: el, ids: () => (el.value === "drawn" ? drawn : el.value === "ring" ? ring : null), fault: () => (!el.value && !field.optional ? this.w("area.needed") : "") };
    }
    /* Where an order is to be done: what is drawn, else the incident's place. */
    whereField(field) {
      const { lon, lat } = this.set;
      const here = typeof lon === "number" ? { type: "Point", coordinates: [lon, lat] } : null;
      const shapes = { drawn: this.drawn ?? null, here };
      const named = ["drawn", "here"].filter((k) => shapes[k]).map((k) => make("option", { value: k, textContent: this.w(`where.${k}`) }));
      const el = make("select", { name: field.name }, ...named, make("option", { value: "", textContent: this.w("where.none") }));
      return { element: el, ids: () => shapes[el.value] ?? null, fault: () => "" };
    }
    /* The order's own form, with whom it is for already chosen. */
    orderTo(button) {
      const form = [...document.querySelectorAll("#cmd-act [data-step]")].map((b) => JSON.parse(b.dataset.step)).find((f) => f.pair?.to);
      if (!form) return;
      const { orderTo: to, name } = button.dataset;
      const chosen = (f) => ({ ...f, value: to, choices: f.choices.some(([v]) => v === to) ? f.choices : [[to, name], ...f.choices] });
      window.iocStep({ ...form, fields: form.fields.map((f) => (f.name === "to" ? chosen(f) : f)) });
    }
    /* A sealed number: asked for by right, written down, shown for half a minute where it stood. */
    async openPhone(button) {
      button.disabled = true;
      const answer = await this.out.send("POST", "/api/v1/command/contacts/phone", { login: button.dataset.askPhone, case_id: this.set.case }, "", false);
      button.disabled = false;
      if (!answer.ok) return this.say(this.why(answer));
      const link = make("a", { href: answer.body.tel, className: "num", textContent: answer.body.phone });
      button.replaceWith(link);
      link.focus();
      setTimeout(() => link.replaceWith(button), 30000);
    }
    async checkStep(el) {
      const answer = await this.out.send("POST", el.dataset.url, JSON.parse(el.dataset.body), el.dataset.words ?? "");
      if (!answer.ok) return this.say(this.why(answer));
      this.again();
      this.ask(["plan"]);
    }
    open(what) {
      if (what === "meet") window.open(this.set.meeting, "_blank", "noopener");
    }
  }

  const attach = () => {
    const host = document.getElementById("cmd");
    if (!host || host.dataset.on || !window.iocPage) return;
    host.dataset.on = "1";
    window.iocCommand = new Command(host, JSON.parse(host.dataset.setup));
  };
  new MutationObserver(attach).observe(document.documentElement, { childList: true, subtree: true });
  attach();
})();
