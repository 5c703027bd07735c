/* The desk's review list. Rows and their words come from the server; a decision is the server's to accept. */
(() => {
  "use strict";
  const EVERY_MS = 15000;
  const make = (tag, props, ...children) => {
    const el = Object.assign(document.createElement(tag), props);
    el.append(...children);
    return el;
  };
  let state = "review";
  let rows = [];
  let chosen = 0; // id of the row shown
  let busy = false;
  let asking = false;

  const root = () => document.querySelector("[data-review]");
  const word = (name) => root().dataset[`w${name[0].toUpperCase()}${name.slice(1)}`] ?? name;
  const english = () => document.documentElement.lang.startsWith("en");
  const inWords = (row, name) => row[`${name}_${english() ? "en" : "zh"}`];
  const clock = (iso) =>
    new Intl.DateTimeFormat(english() ? "en-GB" : "zh-CN", { timeZone: root().dataset.zone, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }).format(new Date(iso));
  const percent = (v) => `${(v * 100).toFixed(1)}%`;
  // The title is the report's own, in the words of its algorithm; in English these words and its place.
  const heading = (row) => (english() ? [row.algorithm_en, row.camera_name ?? row.region_name].filter(Boolean).join(" · ") : row.title);
  const current = () => rows.find((r) => r.detection_id === chosen);

  const list = () => {
    const box = root().querySelector(".rvl");
    box.replaceChildren(
      ...rows.map((row) => {
        const li = make("li", { id: `rv-${row.detection_id}` },
          make("b", { className: "ellip", textContent: heading(row) }),
          make("span", { className: "num", textContent: percent(row.confidence) }),
          make("small", { textContent: `${inWords(row, "algorithm")} · ${row.region_name ?? ""} · ${clock(row.occurred_at)}` }));
        li.setAttribute("role", "option");
        li.setAttribute("aria-selected", String(row.detection_id === chosen));
        li.addEventListener("click", () => choose(row.detection_id));
        return li;
      }),
    );
    if (!rows.length) box.append(make("li", { textContent: word("none") }));
    const on = document.getElementById(`rv-${chosen}`);
    if (on) box.setAttribute("aria-activedescendant", on.id);
    on?.scrollIntoView({ block: "nearest" });
  };

  const picture = (row) => {
    const box = make("div", { className: "pic" });
    if (!row.picture) return box.append(make("p", { className: "mut", textContent: word("noPicture") })), box;
    const fit = make("div", { className: "fit" }, make("img", { src: row.picture, alt: heading(row) }));
    for (const [x, y, w, h] of row.boxes) {
      const mark = make("i", {});
      Object.assign(mark.style, { left: `${x * 100}%`, top: `${y * 100}%`, width: `${w * 100}%`, height: `${h * 100}%` });
      fit.append(mark);
    }
    box.append(fit);
    return box;
  };

  const detail = () => {
    const box = root().querySelector(".rvd");
    const row = current();
    const kept = box.querySelector("input")?.value ?? "";
    const same = row && box.dataset.shown === `${row.detection_id}.${row.version}`;
    if (same) return; // what is being written is not lost to a refresh
    box.dataset.shown = row ? `${row.detection_id}.${row.version}` : "";
    if (!row) return void box.replaceChildren(make("p", { className: "sec pad", textContent: word("none") }));
    const facts = [
      [word("algorithm"), inWords(row, "algorithm")],
      [word("confidence"), `${percent(row.confidence)} / ${percent(row.threshold)}`],
      [word("when"), clock(row.occurred_at)],
      [word("camera"), [row.camera_name, row.national_id ?? row.camera].filter(Boolean).join(" ")],
      [word("where"), [row.region_name, row.address].filter(Boolean).join(" ")],
      [word("source"), row.source],
    ];
    const dl = make("dl", {}, ...facts.map(([k, v]) => make("div", {}, make("dt", { textContent: k }), make("dd", { textContent: v, title: v }))));
    const said = make("p", { className: "err", role: "alert", hidden: true });
    const reason = make("input", { name: "reason", maxLength: 500, placeholder: word("reason"), autocomplete: "off" });
    if (Number(box.dataset.kept) === row.detection_id) reason.value = kept;
    box.dataset.kept = String(row.detection_id);
    const yes = make("button", { type: "button", className: "btn p l", textContent: `${word("confirm")} C` });
    const no = make("button", { type: "submit", className: "btn l", textContent: `${word("refute")} R` });
    const next = make("button", { type: "button", className: "btn l", textContent: `${word("next")} J` });
    const form = make("form", {}, yes, reason, no, next, said);
    yes.addEventListener("click", () => decide("confirm"));
    next.addEventListener("click", () => step(1));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      decide("refute");
    });
    box.replaceChildren(make("div", { className: "ph2" }, make("h2", { textContent: heading(row) })), picture(row), make("div", {}, dl, form));
  };

  const choose = (id) => {
    chosen = id;
    list();
    detail();
  };
  const step = (by) => {
    const at = rows.findIndex((r) => r.detection_id === chosen);
    const to = rows[Math.min(Math.max(at + by, 0), rows.length - 1)];
    if (to) choose(to.detection_id);
  };
  const say = (text) => {
    const p = root().querySelector(".rvd .err");
    if (!p) return;
    p.hidden = !text;
    p.textContent = text;
  };

  const load = async () => {
    const at = root();
    if (!at || asking) return;
    asking = true;
    try {
      const query = new URLSearchParams({ state, limit: "200" });
      if (at.dataset.region) query.set("region", at.dataset.region);
      const answer = await fetch(`/api/v1/detections?${query}`, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const body = await answer.json();
      if (root() !== at) return; // the page has been left or drawn anew meanwhile
      rows = body.detections;
      for (const tab of at.querySelectorAll("[data-review-state]")) tab.querySelector("i").textContent = String(body.counts[tab.dataset.reviewState]);
      if (!current()) chosen = rows[0]?.detection_id ?? 0;
      list();
      detail();
    } catch {
      if (root()) say(word("stale"));
    } finally {
      asking = false;
    }
  };

  const decide = async (what) => {
    const row = current();
    if (!row || busy) return;
    const input = root().querySelector(".rvd input");
    const reason = input?.value.trim() ?? "";
    if (what === "refute" && !reason) return void input?.focus();
    busy = true;
    try {
      const answer = await fetch(`/api/v1/detections/${row.detection_id}/${what}`, {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ reason, version: row.version }),
      });
      if (!answer.ok) {
        const body = await answer.json();
        say([body[english() ? "en" : "zh"], ...(body.reasons ?? []).map((r) => r[english() ? "en" : "zh"])].join(" "));
        if (answer.status === 409) setTimeout(load, 2500);
        return;
      }
      const at = rows.indexOf(row);
      rows = rows.filter((r) => r !== row);
      chosen = rows[Math.min(at, rows.length - 1)]?.detection_id ?? 0;
      document.activeElement?.blur();
      list();
      detail();
      load();
    } catch {
      say(word("failed"));
    } finally {
      busy = false;
    }
  };

  document.addEventListener("click", (event) => {
    const tab = event.target instanceof Element ? event.target.closest("[data-review-state]") : null;
    if (!tab) return;
    state = tab.dataset.reviewState;
    chosen = 0;
    for (const other of root().querySelectorAll("[data-review-state]")) other.classList.toggle("on", other === tab);
    load();
  });
  document.addEventListener("keydown", (event) => {
    if (!root() || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const el = event.target instanceof Element ? event.target : null;
    if (el?.matches("input,textarea,select")) {
      if (event.key === "Escape" && el.closest("[data-review]")) el.blur();
      return;
    }
    const key = event.key.toLowerCase();
    if (key === "j" || key === "arrowdown") step(1);
    else if (key === "k" || key === "arrowup") step(-1);
    else if (key === "c") decide("confirm");
    else if (key === "r") root().querySelector(".rvd input")?.focus();
    else return;
    event.preventDefault();
  });
  // The page is drawn twice (first HTML, then Dash's own): whichever stands there is filled.
  let filled = null;
  setInterval(() => {
    const at = root();
    if (at && at !== filled) {
      filled = at;
      load();
    }
  }, 300);
  setInterval(() => document.visibilityState === "visible" && load(), EVERY_MS);
  // A detection that came, or that a colleague decided about: the feed says so at once, several in a burst are one.
  let soon = 0;
  window.addEventListener("ioc:change", (event) => {
    if (!root() || soon || !["detection", "event", "reload"].includes(event.detail.topic)) return;
    soon = setTimeout(() => {
      soon = 0;
      load();
    }, 500);
  });
})();
