/* Which cameras a wide wall shows: those that see the worst incident, else the group marked for walls. The tiles themselves are
   frontend/src/video; this only says which. */
(() => {
  "use strict";
  const EVERY_MS = 30000;
  const get = async (path, body) => {
    const answer = await fetch(path, body ? { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : { credentials: "same-origin" });
    return answer.ok ? answer.json() : null;
  };
  const worst = () => {
    const rows = window.iocPage?.live.store.all() ?? [];
    const open = rows.filter((r) => !r.closed && r.incident_level && r.lon !== null && r.lat !== null);
    return open.sort((a, b) => a.incident_level - b.incident_level)[0] ?? null;
  };
  /* Those the wall may see, while a video platform is connected. Without one no picture can come: its place stays the map's. */
  const reachable = async (ids) => {
    const told = ids.length ? await get(`/api/v1/video/cameras?ids=${ids.join(",")}`) : null;
    return told?.connected ? told.cameras.map((c) => c.device_id) : [];
  };
  const choose = async () => {
    const el = document.querySelector("[data-wall-cams]");
    if (!el || document.body.dataset.ready !== "true" || !matchMedia("(min-aspect-ratio:28/10)").matches) return;
    const incident = worst();
    let ids = [];
    const notes = {};
    if (incident) {
      const panel = await get("/api/v1/command/panels/eyes", { lon: incident.lon, lat: incident.lat, radius_m: 3000 });
      ids = panel?.data?.best ?? [];
      for (const c of panel?.data?.cameras ?? []) notes[c.device_id] = `${Math.round(c.distance_m)} m`;
    }
    if (!ids.length) ids = ((await get("/api/v1/video/wall"))?.group?.device_ids ?? []).slice(0, 4);
    ids = await reachable(ids);
    el.dataset.n = String(ids.length);
    el.dataset.notes = JSON.stringify(notes);
    el.dataset.cameras = ids.join(",");
  };
  let busy = false;
  const turn = () => {
    if (busy) return;
    busy = true;
    choose()
      .catch((error) => console.error(error))
      .finally(() => (busy = false));
  };
  if (location.pathname === "/wall") {
    setInterval(turn, EVERY_MS);
    const first = setInterval(() => {
      if (document.body.dataset.ready !== "true") return;
      clearInterval(first);
      turn();
    }, 500);
  }
})();
