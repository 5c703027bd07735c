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
