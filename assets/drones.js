/* Drones: a flight played back by its time on the map, and a photo point made a report by one press. The server decides. */
(() => {
  "use strict";
  const STEP_MS = 100;
  const SPEED = 30; // seconds of the flight in one second
  let timer = 0;
  const show = (shapes) => window.dispatchEvent(new CustomEvent("ioc:shapes", { detail: shapes }));
  const make = (tag, props) => Object.assign(document.createElement(tag), props);

  /* Where it was at `at` (epoch seconds): on the straight line between the positions before and after. */
  const place = (track, at) => {
    const next = track.findIndex((p) => p[3] > at);
    if (next < 0) return track.at(-1);
    if (next === 0) return track[0];
    const [a, b] = [track[next - 1], track[next]];
    const share = (at - a[3]) / (b[3] - a[3]);
    return a.map((v, i) => v + (b[i] - v) * share);
  };

  const ring = ([lon, lat], metres) => {
    const dy = metres / 111320;
    const dx = dy / Math.cos((lat * Math.PI) / 180);
    return Array.from({ length: 25 }, (_, i) => [lon + dx * Math.cos((i * Math.PI) / 12), lat + dy * Math.sin((i * Math.PI) / 12)]);
  };

  const draw = (track, at) => {
    const here = place(track, at);
    const flown = [...track.filter((p) => p[3] < at), here].map((p) => [p[0], p[1]]);
    const lons = track.map((p) => p[0]);
    const size = Math.max(6, ((Math.max(...lons) - Math.min(...lons)) * 111320) / 60);
    show([
      { id: "drone-flown", geometry: { type: "LineString", coordinates: flown.length > 1 ? flown : [flown[0], flown[0]] }, tone: "ink-1", width: 3 },
      { id: "drone-here", geometry: { type: "Polygon", coordinates: [ring(here, size)] }, tone: "ink-1", width: 2, fill: 0.6 },
    ]);
    return here;
  };

  const begin = async (box) => {
    box.dataset.begun = "1";
    const words = box.dataset;
    const t = new URLSearchParams(location.search).get("t");
    const answer = await fetch(`/api/v1/drones/flights/${words.flight}${t && t !== "live" ? `?t=${encodeURIComponent(t)}` : ""}`, { credentials: "same-origin" }).catch(() => null);
    if (!answer?.ok) {
      box.textContent = words.failed;
      return;
    }
    const { track } = await answer.json();
    const [first, last] = [track[0][3], track.at(-1)[3]];
    const slider = make("input", { type: "range", min: 0, max: 1000, step: 1, value: 1000, ariaLabel: words.time });
    const button = make("button", { type: "button", className: "btn", textContent: words.play });
    const said = make("output", { className: "num" });
    const at = () => first + ((last - first) * Number(slider.value)) / 1000;
    const tell = () => {
      const here = draw(track, at());
      box.dataset.at = String(Math.round(at()));
      const height = here[2] ? ` · ${Math.round(here[2])} m` : "";
      said.textContent = `${new Date(at() * 1000).toLocaleTimeString("sv-SE", { timeZone: words.zone })}${height}`;
    };
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      button.textContent = words.play;
    };
    button.addEventListener("click", () => {
      if (timer) return stop();
      if (Number(slider.value) >= 1000) slider.value = 0;
      button.textContent = words.pause;
      let now = at();
      timer = setInterval(() => {
        now += (SPEED * STEP_MS) / 1000;
        if (!box.isConnected) return stop();
        slider.value = String(((now - first) / (last - first)) * 1000);
        tell();
        if (now >= last) stop();
      }, STEP_MS);
    });
    slider.addEventListener("input", () => {
      stop();
      tell();
    });
    box.replaceChildren(button, slider, said);
    tell();
  };

  let drawn = false;
  const look = () => {
    const box = document.querySelector(".dplay[data-flight]");
    if (box && !box.dataset.begun) {
      drawn = true;
      void begin(box);
    }
    if (!box && drawn) {
      drawn = false;
      clearInterval(timer);
      timer = 0;
      show([]);
    }
  };
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });

  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-drone-photo]") : null;
    if (!button || button.disabled) return;
    button.disabled = true;
    const fault = button.parentElement.querySelector(".sfault");
    const answer = await fetch(`/api/v1/drones/photos/${button.dataset.dronePhoto}/event`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: "{}",
    }).catch(() => null);
    const body = await answer?.json().catch(() => null);
    if (answer?.ok) {
      window.dispatchEvent(new CustomEvent("ioc:list"));
      window.iocPage?.url.push({ sel: `event:${body.event_id}` });
      return;
    }
    button.disabled = false;
    const lang = document.documentElement.lang.startsWith("en") ? "en" : "zh";
    fault.hidden = false;
    fault.textContent = [body?.[lang] ?? button.dataset.failed, ...(body?.reasons ?? []).map((r) => r[lang])].join("；");
  });
})();
