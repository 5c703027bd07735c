/* Plain pages: sign-in, password, wall enrolment, faults. They work without Dash. */
(() => {
  "use strict";
  const lang = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
  const $ = (q) => document.querySelector(q);

  /* ---- sign-in ---- */
  for (const button of document.querySelectorAll("[data-show]")) {
    const words = [button.textContent, button.dataset.hideWord];
    button.addEventListener("click", () => {
      const field = document.getElementById(button.dataset.show);
      const open = field.type === "password";
      field.type = open ? "text" : "password";
      button.textContent = words[open ? 1 : 0];
      field.focus();
    });
  }
  const caps = $("#caps");
  if (caps) document.addEventListener("keyup", (e) => e.getModifierState && (caps.hidden = !e.getModifierState("CapsLock")));
  for (const row of document.querySelectorAll(".dm [data-login]"))
    row.addEventListener("click", () => {
      $("#f-login").value = row.dataset.login;
      $("#f-password").value = row.dataset.password || "";
      $("#f-password").focus();
    });

  /* ---- change of password ---- */
  const change = $("form[data-password]");
  change?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = change.querySelector(".err");
    const say = (text) => {
      said.hidden = !text;
      said.textContent = text;
    };
    const [old, next, again] = ["old", "new", "again"].map((n) => change.elements.namedItem(n).value);
    if (next !== again) return say(change.dataset.wAgain);
    const answer = await fetch("/api/v1/auth/password", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ old, new: next }),
    }).catch(() => null);
    if (answer?.ok) {
      location.href = "/desk" + location.search;
      return undefined;
    }
    const body = answer ? await answer.json().catch(() => ({})) : {};
    const reasons = (body.reasons || []).map((r) => r[lang]);
    return say(reasons.join(lang === "zh" ? "；" : "; ") || body[lang] || change.dataset.wOther);
  });

  /* ---- wall enrolment ---- */
  const enrol = $("[data-enrol]");
  if (enrol) {
    const cells = [...document.querySelectorAll("[data-cell]")];
    const state = $("[data-state]");
    const good = state.textContent;
    let expires = 0;
    let total = 1;
    let offset = 0;
    let shown = "";
    const gcd = (a, b) => (b ? gcd(b, a % b) : a);
    const size = () => {
      const [w, h] = [innerWidth, innerHeight];
      const known = [[16, 9], [32, 9], [16, 3], [16, 10], [21, 9], [4, 3]].find(([a, b]) => Math.abs(w / h - a / b) < 0.02);
      const d = gcd(w, h);
      $("[data-size]").textContent = `${w} × ${h}`;
      $("[data-ratio]").textContent = known ? known.join(":") : `${w / d}:${h / d}`;
    };
    addEventListener("resize", size);
    size();
    const first = Date.parse($("[data-clock]").dataset.clock);
    if (Number.isFinite(first)) offset = first - Date.now();
    const zone = { timeZone: enrol.dataset.zone, hour12: false };
    const ask = async () => {
      const answer = await fetch("/api/v1/wall/enrol", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ width: innerWidth, height: innerHeight }),
      }).catch(() => null);
      const body = answer?.ok ? await answer.json().catch(() => null) : null;
      state.textContent = body ? good : state.dataset.bad;
      if (!body) return;
      if (body.state === "confirmed") {
        location.reload();
        return;
      }
      const code = body.code.replace(/[^A-Z0-9]/gi, "").toUpperCase();
      if (code !== shown) {
        shown = code;
        cells.forEach((cell, i) => (cell.textContent = code[i] || ""));
        expires = Date.parse(body.expires_at);
        total = Math.max(1, expires - (Date.now() + offset));
        if (total < 600000) total = 600000;
      }
      $("[data-fp]").textContent = body.fingerprint;
      $(".cd .wt").hidden = true;
      $(".cd .ex").hidden = false;
      tick();
    };
    const tick = () => {
      const now = Date.now() + offset;
      $("[data-clock]").textContent = new Date(now).toLocaleTimeString("en-GB", zone);
      if (!expires) return;
      const left = Math.max(0, expires - now);
      const s = Math.floor(left / 1000);
      $("[data-left]").textContent = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
      $(".cd .bar").style.width = `${Math.min(100, (100 * left) / total)}%`;
    };
    ask();
    setInterval(ask, 4000);
    setInterval(tick, 1000);
    tick();
  }

  /* ---- faults that pass by themselves ---- */
  const fault = $("[data-retry]");
  if (fault) setTimeout(() => location.reload(), Number(fault.dataset.retry) * 1000);

  document.fonts.ready.then(() => (document.body.dataset.ready = "true"));
})();
