/* Playback of the village page: what the server says of each moment, drawn over the map. No rule is decided here. */
(() => {
  "use strict";
  const make = (tag, props, ...children) => {
    const el = Object.assign(document.createElement(tag), props);
    el.append(...children);
    return el;
  };
  const DAY = 86400000;
  const TICK_MS = 900;
  const LISTED = 6;
  let at = 0; // moment shown
  let days = 7;
  let data = null;
  let loaded = "";
  let timer = 0;
  let bound = null;

  const root = () => document.querySelector("[data-playback]");
  const part = (name) => root().querySelector(name);
  const word = (name) => root().dataset[`w${name[0].toUpperCase()}${name.slice(1)}`] ?? name;
  const english = () => document.documentElement.lang.startsWith("en");
  const region = () => document.querySelector("#vil-body [data-village]")?.dataset.village ?? "";
  const stamp = (ms) =>
    new Intl.DateTimeFormat("sv-SE", { timeZone: root().dataset.zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" }).format(new Date(ms));
  const map = () => window.iocMaps?.map?.map;

  // The newest state by a moment; steps come by time.
  const stateAt = (thing) => {
    let found = null;
    for (const step of thing.steps) if (step.at <= at) found = step;
    return found;
  };
  const shown = () =>
    (data?.things ?? [])
      .map((thing) => ({ thing, step: stateAt(thing) }))
      .filter(({ step }) => step && step.state !== "void");
  const mark = (step) => make("span", { className: `vdot ${step.state === "open" ? step.urgency : "closed"}` });

  const place = () => {
    const m = map();
    const box = document.querySelector(".vilmarks");
    if (!m || !box) return;
    for (const el of box.children) {
      const p = m.project([Number(el.dataset.lon), Number(el.dataset.lat)]);
      el.style.transform = `translate(${p.x}px,${p.y}px)`;
    }
  };
  const draw = () => {
    if (!root()) return;
    const now = shown();
    const marks = now
      .filter(({ thing, step }) => thing.lon !== null && (step.state === "open" || at - step.at < DAY))
      .map(({ thing, step }) => {
        const label = step.label[english() ? "en" : "zh"];
        const el = make("button", { type: "button", title: `${thing.title} · ${label}`, className: step.at === at ? "new" : "" }, mark(step));
        Object.assign(el.dataset, { lon: thing.lon, lat: thing.lat, sel: thing.key });
        return el;
      });
    document.querySelector(".vilmarks")?.replaceChildren(...marks);
    const list = document.querySelector(".vplayed");
    if (list) {
      const latest = now.sort((a, b) => b.step.at - a.step.at).slice(0, LISTED);
      list.replaceChildren(
        ...latest.map(({ thing, step }) => {
          const row = make("button", { type: "button" }, mark(step), make("span", { className: "ellip", textContent: thing.title }),
            make("small", { className: "num", textContent: `${step.label[english() ? "en" : "zh"]} ${stamp(step.at).slice(5)}` }));
          row.dataset.sel = thing.key;
          return row;
        }),
      );
      if (!latest.length) list.append(make("p", { className: "mut", textContent: !data ? word("failed") : data.things.length ? word("nothing") : word("none") }));
    }
    part(".vnow").textContent = data ? stamp(at) : "—";
    const open = now.filter(({ step }) => step.state === "open").length;
    part(".vcount").textContent = data ? `${word("open")} ${open} · ${word("closed")} ${now.length - open}` : "";
    const knob = part(".vbar b");
    if (knob && data) knob.style.left = `${((at - data.since) / (data.until - data.since)) * 100}%`;
    const bar = part(".vbar");
    if (data) {
      bar.setAttribute("aria-valuetext", stamp(at));
      bar.setAttribute("aria-valuenow", String(at));
      bar.setAttribute("aria-valuemin", String(data.since));
      bar.setAttribute("aria-valuemax", String(data.until));
    }
    place();
  };
  const scale = () => {
    const n = 48;
    const bins = new Array(n).fill(0);
    for (const ms of data.moments) bins[Math.min(n - 1, Math.floor(((ms - data.since) / (data.until - data.since)) * n))] += 1;
    const most = Math.max(1, ...bins);
    part(".vbar").replaceChildren(
      ...bins.flatMap((v, i) => {
        if (!v) return [];
        const el = make("i", {});
        Object.assign(el.style, { left: `${(i / n) * 100}%`, width: `calc(${100 / n}% - 2px)`, height: `${(v / most) * 34}px` });
        return [el];
      }),
      make("b", {}),
    );
  };

  const stop = () => {
    clearInterval(timer);
    timer = 0;
    const button = root()?.querySelector(".play");
    if (button) button.title = word("play");
    if (button) button.setAttribute("aria-pressed", "false");
  };
  const step = (by) => {
    if (!data) return false;
    const to = by > 0 ? data.moments.find((ms) => ms > at) : [...data.moments].reverse().find((ms) => ms < at);
    if (to === undefined) {
      at = by > 0 ? data.until : data.since;
      draw();
      return false;
    }
    at = to;
    draw();
    return true;
  };
  const play = () => {
    if (timer) return stop();
    if (!data) return;
    if (at >= (data.moments.at(-1) ?? data.until)) at = data.since;
    const button = part(".play");
    button.title = word("pause");
    button.setAttribute("aria-pressed", "true");
    timer = setInterval(() => {
      if (!root() || !step(1)) stop();
    }, TICK_MS);
  };

  const period = () => {
    const read = (id) => document.getElementById(id)?.value.trim() ?? "";
    const from = read("vil-from");
    const to = read("vil-to");
    const query = new URLSearchParams();
    if (/^\d{4}-\d{2}-\d{2}$/.test(from)) query.set("since", `${from}T00:00:00`);
    else if (!to) query.set("since", String(Date.parse(root().dataset.now) - days * DAY));
    if (/^\d{4}-\d{2}-\d{2}$/.test(to)) query.set("until", `${to}T23:59:59`);
    return query;
  };
  const load = async () => {
    const code = region();
    if (!root() || !code) return;
    const query = period();
    const key = `${code}?${query}`;
    if (key === loaded) return;
    loaded = key;
    stop();
    try {
      const answer = await fetch(`/api/v1/villages/${code}/playback?${query}`, { credentials: "same-origin" });
      const body = await answer.json();
      if (loaded !== key) return;
      if (!answer.ok) throw new Error(body.reasons?.[0]?.[english() ? "en" : "zh"] ?? body[english() ? "en" : "zh"]);
      data = body;
      at = body.until;
      part(".vsay").textContent = body.more ? word("more") : body.things.length ? "" : word("none");
      scale();
    } catch (error) {
      if (loaded !== key) return;
      data = null;
      part(".vsay").textContent = `${word("failed")} ${error.message ?? ""}`;
      part(".vbar").replaceChildren();
    }
    draw();
  };
  const seek = (event) => {
    const box = part(".vbar").getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    at = Math.round(data.since + share * (data.until - data.since));
    draw();
  };

  document.addEventListener("click", (event) => {
    const el = event.target instanceof Element ? event.target.closest("[data-play],[data-play-days]") : null;
    if (!el || !root()) return;
    if (el.dataset.play === "play") play();
    else if (el.dataset.play) {
      stop();
      step(el.dataset.play === "next" ? 1 : -1);
    } else {
      days = Number(el.dataset.playDays);
      for (const id of ["vil-from", "vil-to"]) window.dash_clientside?.set_props?.(id, { value: "" });
      for (const other of el.parentElement.children) other.className = other === el ? "on" : "";
      setTimeout(load, 0);
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target instanceof Element && event.target.matches(".vdate")) load();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest(".vbar") || !data) return;
    stop();
    seek(event);
    const bar = part(".vbar");
    bar.setPointerCapture(event.pointerId);
    bar.onpointermove = seek;
    bar.onpointerup = bar.onpointercancel = () => (bar.onpointermove = null);
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest(".vbar") || !data) return;
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) {
      event.preventDefault();
      stop();
      step(by);
    }
  });

  // The page's tree is drawn by Dash, and again when the region changes.
  setInterval(() => {
    if (!root() || document.hidden) return;
    const m = map();
    if (m && m !== bound) {
      bound = m;
      m.on("move", place);
      m.on("resize", place);
      place();
    }
    const list = document.querySelector(".vplayed");
    if (data && list && list.querySelector("p.mut") && data.things.length && !list.dataset.said) {
      list.dataset.said = "1";
      draw();
    }
    load();
  }, 400);
})();
