/* Opening an incident from everywhere on the desk: key C, what the form gathered, and the way into its workspace. */
(() => {
  "use strict";
  const SAID = "ioc.command.said";
  const lang = () => (document.documentElement.lang.startsWith("en") ? "en" : "zh");
  const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  const keys = new Map();
  /* One key for one wish: sent again after a cut line it opens the same incident, changed it is another wish. */
  const keyOf = (body) => {
    if (!keys.has(body)) keys.set(body, newKey());
    return keys.get(body);
  };
  const enter = (id) => {
    const here = new URLSearchParams(location.search);
    const kept = new URLSearchParams();
    for (const name of ["lang", "theme"]) if (here.get(name)) kept.set(name, here.get(name));
    const query = kept.toString();
    location.assign(`/desk/command/${id}${query ? `?${query}` : ""}`);
  };
  /** "" when it was opened (the workspace is on its way), else why not. Opened before, it leads to that one and says so. */
  window.iocIncident = async (form, given) => {
    const values = { ...given };
    for (const [from, to] of Object.entries(form.rename ?? {})) if (from in values) [values[to], values[from]] = [values[from], undefined];
    for (const name of form.flags ?? []) values[name] = values[name] === "yes";
    const body = JSON.stringify({ ...form.body, ...values });
    const answer = await fetch("/api/v1/incidents", { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", "Idempotency-Key": keyOf(body) }, body });
    const got = await answer.json().catch(() => ({}));
    if (answer.status === 409 && got.incident_id) sessionStorage.setItem(SAID, got[lang()] ?? "");
    if (got.incident_id) {
      enter(got.incident_id);
      return "";
    }
    const label = (name) => form.fields?.find((f) => name === f.name || name.startsWith(`${f.name}.`))?.label ?? name;
    const reasons = (got.reasons ?? []).map((r) => `${label(r.field)} ${r[lang()] ?? r.zh}`);
    return [got[lang()] ?? form.words.failed, ...reasons].join(lang() === "en" ? "; " : "；");
  };
  const writes = (el) => el instanceof HTMLElement && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName));
  document.addEventListener("keydown", (e) => {
    if (e.key.toLowerCase() !== "c" || e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || writes(e.target)) return;
    if (document.querySelector("dialog[open]") || document.body.dataset.past !== undefined) return;
    const press = document.querySelector("#detail.open [data-raise]") ?? document.querySelector("#detail [data-raise]") ?? document.querySelector("[data-raise-hand]");
    if (!press) return;
    e.preventDefault();
    press.click();
  });
})();
