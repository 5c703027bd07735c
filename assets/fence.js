/* Electronic fences on /desk/fences: list, form, vertices by keyboard or by presses on the map. The server checks and says why. */
(() => {
  "use strict";
  const make = (tag, props = {}, ...children) => {
    const { data = {}, attrs = {}, ...rest } = props;
    const el = Object.assign(document.createElement(tag), rest);
    for (const [k, v] of Object.entries(data)) el.dataset[k] = v;
    for (const [k, v] of Object.entries(attrs)) el.setAttribute(k, v);
    el.append(...children.filter((c) => c !== null));
    return el;
  };
  const parts = (text) => text.split(/[,，]/).map((p) => p.trim()).filter(Boolean);
  const sketch = (points) => window.dispatchEvent(new CustomEvent("ioc:sketch", { detail: points }));

  class Editor {
    constructor(host, setup) {
      this.host = host;
      this.set = setup;
      this.fences = [];
      this.open = null;
      this.points = [];
      this.list = make("ul", { className: "flist" });
      this.body = make("div");
      this.note = make("p", { className: "sfault", hidden: true, attrs: { role: "alert" } });
      host.replaceChildren(this.list, this.note, this.body);
      window.addEventListener("ioc:picked", (e) => this.picked(e.detail));
      document.addEventListener("keydown", (e) => this.key(e), true);
      const page = window.iocPage;
      if (page && page.url.value.layers === null) page.url.replace({ layers: ["fence", "crossing"] });
      void this.load();
    }

    async load(select) {
      try {
        const answer = await fetch("/api/v1/fences", { credentials: "same-origin" });
        if (!answer.ok) return this.say(await this.why(answer));
        this.fences = (await answer.json()).fences;
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        return this.say([this.set.words.failed]);
      }
      const again = this.fences.find((f) => f.fence_id === select);
      this.show(again ?? null, again === undefined);
    }

    say(lines, good = false) {
      this.note.hidden = lines.length === 0;
      this.note.className = good ? "sfault good" : "sfault";
      this.note.replaceChildren(...lines.map((l) => make("span", { textContent: l }, make("br"))));
    }

    async why(answer) {
      const said = await answer.json().catch(() => ({}));
      const lang = this.set.lang;
      const reasons = said.reasons ?? [];
      for (const r of reasons) this.mark(r.field);
      return reasons.length ? reasons.map((r) => r[lang] ?? r.zh) : [said[lang] ?? said.zh ?? `${answer.status}`];
    }

    mark(field) {
      const row = /^points\.(\d+)$/.exec(field);
      const el = row ? this.rows?.children[Number(row[1]) - 1]?.querySelector("input") : this.form?.elements.namedItem(field);
      if (el instanceof HTMLElement) el.setAttribute("aria-invalid", "true");
    }

    // ------------------------------------------------------------ markup

    show(fence, closed = false) {
      const w = this.set.words;
      this.end();
      this.open = closed ? null : (fence ?? {});
      this.list.replaceChildren(
        ...this.fences.map((f) => {
          const row = make("button", { type: "button", className: fence && f.fence_id === fence.fence_id ? "on" : "" }, make("b", { textContent: f.name }), make("small", { textContent: f.params.inside ? w.inside : w.outside }));
          row.addEventListener("click", () => {
            this.say([]);
            this.show(f);
            const [lon, lat] = f.points[0];
            window.dispatchEvent(new CustomEvent("ioc:fly", { detail: [lon, lat, null] }));
          });
          return make("li", {}, row);
        }),
      );
      if (!this.fences.length) this.list.append(make("li", { className: "mut", textContent: w.none }));
      this.body.replaceChildren();
      this.points = (fence?.points ?? []).map((p) => [...p]);
      sketch(this.points);
      if (closed) {
        const add = make("button", { type: "button", className: "btn p", textContent: w.new });
        add.addEventListener("click", () => {
          this.say([]);
          this.show(null);
          this.form.elements.namedItem("name").focus();
        });
        this.body.append(this.set.mayEdit ? add : make("p", { className: "mut", textContent: w.readonly }));
        return;
      }
      this.draw(fence);
    }

    draw(fence) {
      const w = this.set.words;
      const input = (name, value, props = {}) => make("input", { name, value: value ?? "", autocomplete: "off", disabled: !this.set.mayEdit, ...props });
      const select = (name, pairs, value) => {
        const el = make("select", { name, disabled: !this.set.mayEdit }, ...pairs.map(([k, text]) => make("option", { value: k, textContent: text })));
        el.value = value;
        return el;
      };
      const field = (text, el) => make("label", {}, make("span", { textContent: text }), el);
      const target = select("target", [["", w.everywhere], ["kind", w.kind], ["region", w.region], ["device", w.device]], fence?.target ?? "");
      const ref = make("div");
      const refs = () => {
        const old = fence && fence.target === target.value ? fence.ref : "";
        const lists = { kind: this.set.kinds, region: this.set.regions };
        const pairs = lists[target.value];
        ref.replaceChildren(target.value === "" ? "" : pairs ? field(target.selectedOptions[0].textContent, select("ref", pairs.some(([k]) => k === old) || !old ? pairs : [[old, fence.target_name || old], ...pairs], old || pairs[0]?.[0])) : field(w.device, input("ref", old, { inputMode: "numeric" })));
      };
      target.addEventListener("change", refs);
      this.rows = make("ol", { className: "fpts" });
      const drawing = (this.drawButton = make("button", { type: "button", className: "btn", textContent: w.draw, attrs: { "aria-pressed": "false" } }));
      drawing.addEventListener("click", () => (this.mode === "draw" ? this.end() : this.begin("draw")));
      const add = make("button", { type: "button", className: "btn", textContent: w.add });
      add.addEventListener("click", () => {
        this.points.push([NaN, NaN]);
        this.vertices();
        this.rows.lastElementChild.querySelector("input").focus();
      });
      const save = make("button", { className: "btn p", textContent: w.save });
      const remove = fence?.fence_id ? make("button", { type: "button", className: "btn", textContent: w.remove }) : null;
      remove?.addEventListener("click", () => window.confirm(w.sure) && void this.remove(fence));
      const cancel = make("button", { type: "button", className: "btn", textContent: w.cancel });
      cancel.addEventListener("click", () => {
        this.say([]);
        this.show(null, true);
      });
      const p = fence?.params ?? {};
      const local = (at) => (at ? new Date(at).toLocaleString("sv").slice(0, 16).replace(" ", "T") : "");
      this.form = make(
        "form", { noValidate: true },
        field(w.name, input("name", fence?.name, { maxLength: 60 })),
        field(w.rule, select("rule", this.set.rules, fence?.rule ?? this.set.rules[0]?.[0])),
        field(w.target, target), ref,
        field(w.side, select("inside", [["", w.outside], ["1", w.inside]], p.inside ? "1" : "")),
        field(w.hours, input("hours", (p.hours ?? []).join(", "))),
        field(w.weekdays, input("weekdays", (p.weekdays ?? []).join(", "))),
        make("div", { className: "fpair" }, field(w.from, input("valid_from", local(fence?.valid_from), { type: "datetime-local" })), field(w.to, input("valid_to", local(fence?.valid_to), { type: "datetime-local" }))),
        make("b", { textContent: fence?.area_m2 ? `${w.points} · ${w.area} ${Math.round(fence.area_m2).toLocaleString()} m²` : w.points }),
        this.rows,
        this.set.mayEdit ? make("div", { className: "fbtns" }, drawing, add) : null,
        make("div", { className: "fbtns" }, this.set.mayEdit ? save : null, this.set.mayEdit ? remove : null, cancel),
        fence?.fence_id ? make("small", { className: "mut", textContent: w.by.replace("{by}", fence.by).replace("{v}", fence.version) }) : null,
      );
      refs();
      this.form.addEventListener("submit", (e) => {
        e.preventDefault();
        void this.save(fence);
      });
      this.body.append(this.form);
      this.vertices();
    }

    vertices() {
      const w = this.set.words;
      const shown = (v) => (Number.isFinite(v) ? String(v) : "");
      this.rows.replaceChildren(
        ...this.points.map((point, i) => {
          const cell = (at, text) => {
            const el = make("input", { value: shown(point[at]), inputMode: "decimal", autocomplete: "off", disabled: !this.set.mayEdit, attrs: { "aria-label": `${text} ${i + 1}` } });
            el.addEventListener("input", () => {
              point[at] = el.value.trim() === "" ? NaN : Number(el.value);
              this.redraw();
            });
            return el;
          };
          const move = make("button", { type: "button", className: "btn", textContent: "⌖", title: w.move, attrs: { "aria-label": `${w.move} ${i + 1}` } });
          move.addEventListener("click", () => this.begin("move", i));
          const drop = make("button", { type: "button", className: "btn", textContent: "×", title: w.drop, attrs: { "aria-label": `${w.drop} ${i + 1}` } });
          drop.addEventListener("click", () => {
            this.points.splice(i, 1);
            this.vertices();
            (this.rows.children[Math.min(i, this.points.length - 1)]?.querySelector("input") ?? this.drawButton).focus();
          });
          return make("li", {}, make("span", { className: "num", textContent: String(i + 1) }), cell(0, w.lon), cell(1, w.lat), this.set.mayEdit ? move : null, this.set.mayEdit ? drop : null);
        }),
      );
      this.redraw();
    }

    redraw() {
      sketch(this.points.filter(([lon, lat]) => Number.isFinite(lon) && Number.isFinite(lat) && Math.abs(lat) <= 85));
    }

    // ------------------------------------------------------------ the map

    begin(mode, at = -1) {
      this.end();
      this.mode = mode;
      this.at = at;
      document.documentElement.dataset.pick = "";
      this.drawButton.setAttribute("aria-pressed", String(mode === "draw"));
      this.say([mode === "draw" ? this.set.words.drawing : this.set.words.moving], true);
    }

    end() {
      if (!this.mode) return;
      this.mode = null;
      delete document.documentElement.dataset.pick;
      this.drawButton?.setAttribute("aria-pressed", "false");
      this.say([]);
    }

    picked([lon, lat]) {
      if (!this.mode) return;
      const point = [Number(lon.toFixed(6)), Number(lat.toFixed(6))];
      if (this.mode === "move") {
        this.points[this.at] = point;
        this.end();
      } else this.points.push(point);
      this.vertices();
    }

    key(event) {
      if (event.key !== "Escape" || !this.mode) return;
      event.stopPropagation();
      this.end();
    }

    // ------------------------------------------------------------ sending

    async send(method, url, body) {
      try {
        const answer = await fetch(url, { method, credentials: "same-origin", headers: { "Content-Type": "application/json" }, ...(body ? { body: JSON.stringify(body) } : {}) });
        if (answer.ok) return await answer.json();
        this.say(await this.why(answer));
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        this.say([this.set.words.failed]);
      }
      return null;
    }

    async save(fence) {
      this.end();
      const value = (name) => this.form.elements.namedItem(name)?.value ?? "";
      for (const el of this.form.querySelectorAll("[aria-invalid]")) el.removeAttribute("aria-invalid");
      const time = (name) => (value(name) ? new Date(value(name)).toISOString() : null);
      const body = {
        name: value("name"), rule: value("rule"), target: value("target"), ref: value("ref"), inside: value("inside") === "1",
        hours: parts(value("hours")), weekdays: parts(value("weekdays")).map(Number), valid_from: time("valid_from"), valid_to: time("valid_to"),
        points: this.points, version: fence?.version ?? 0,
      };
      const found = await this.send(fence?.fence_id ? "PUT" : "POST", fence?.fence_id ? `/api/v1/fences/${fence.fence_id}` : "/api/v1/fences", body);
      if (!found) return;
      await this.load(found.fence_id);
      this.say([this.set.words.saved], true);
    }

    async remove(fence) {
      if (!(await this.send("DELETE", `/api/v1/fences/${fence.fence_id}?version=${fence.version}`))) return;
      await this.load();
      this.say([this.set.words.removed], true);
    }
  }

  const attach = () => {
    const host = document.getElementById("fences");
    if (!host || host.dataset.on || !window.iocPage) return;
    host.dataset.on = "1";
    window.iocFences = new Editor(host, JSON.parse(host.dataset.setup));
  };
  new MutationObserver(attach).observe(document.documentElement, { childList: true, subtree: true });
  attach();
})();
