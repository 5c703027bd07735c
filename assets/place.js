/* A place of a form: written as coordinates, found by its name, or pressed on the map while the form steps aside. */
(() => {
  "use strict";
  const make = (tag, props, ...children) => {
    const el = Object.assign(document.createElement(tag), props);
    el.append(...children);
    return el;
  };
  const OURS = "EPSG:4490"; // what the map and the search speak
  const lang = () => (document.documentElement.lang.startsWith("en") ? "en" : "zh");
  const said = (text) => (text && typeof text === "object" ? text[lang()] || text.zh : text || "");
  const read = (text, crs = OURS) => {
    const found = /^\s*(-?\d+(?:\.\d+)?)\s*[,，\s]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text);
    return found ? { lon: Number(found[1]), lat: Number(found[2]), crs } : null;
  };

  /* The system coordinates are given in, and a search that fills them in. `wide`: {crs, zones, words}. */
  const widened = (wide, input) => {
    const option = ([value, textContent]) => make("option", { value, textContent });
    const group = make("optgroup", { label: wide.words.crs }, ...wide.zones.map(option));
    const select = make("select", { name: `${input.name}_crs`, title: wide.words.crs }, ...wide.crs.map(option), group);
    select.setAttribute("aria-label", wide.words.crs);
    const list = make("ul", { className: "rfound", hidden: true });
    input.placeholder = wide.words.find;
    input.inputMode = "text";
    let timer = 0;
    const choose = (item) => {
      input.value = `${item.lon.toFixed(6)}, ${item.lat.toFixed(6)}`;
      select.value = OURS;
      list.hidden = true;
      const address = input.form?.elements.address;
      if (address && !address.value.trim()) address.value = said(item.title);
    };
    const show = (items, q) => {
      list.replaceChildren(...items.map((item) => {
        const li = make("li", {}, make("b", { textContent: said(item.title) }), make("small", { textContent: said(item.sub) }));
        li.addEventListener("mousedown", (e) => (e.preventDefault(), choose(item)));
        return li;
      }));
      if (q && !items.length) list.append(make("li", { className: "rmut", textContent: wide.words.nothing }));
      list.hidden = !list.children.length;
      list.found = items;
    };
    input.addEventListener("input", () => {
      clearTimeout(timer);
      const q = input.value.trim();
      if (!q || read(q) || /^[-\d.,，\s]*$/.test(q)) return show([], "");
      timer = setTimeout(async () => {
        const answer = await fetch(`/api/v1/search?q=${encodeURIComponent(q)}&limit=8&lang=${lang()}`, { credentials: "same-origin" }).catch(() => null);
        const body = answer?.ok ? await answer.json() : null;
        if (q !== input.value.trim()) return;
        const items = (body?.groups ?? []).filter((g) => g.type !== "indicator").flatMap((g) => g.items).filter((i) => typeof i.lon === "number" && typeof i.lat === "number");
        show(items.slice(0, 8), q);
      }, 200);
      return undefined;
    });
    input.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" || list.hidden || !list.found?.length) return;
      e.preventDefault();
      choose(list.found[0]);
    });
    input.addEventListener("blur", () => (list.hidden = true));
    return { select, list };
  };

  /** `aside(true)` hides the form while somebody looks for the place, `aside(false)` brings it back. */
  window.iocPlace = (field, words, aside) => {
    const root = document.documentElement;
    const input = make("input", { name: field.name, required: !field.optional, placeholder: "112.010000, 21.850000", inputMode: "decimal", autocomplete: "off" });
    const button = make("button", { type: "button", className: "btn l", textContent: words.pick });
    const wide = field.wide ? widened(field.wide, input) : null;
    const crs = () => wide?.select.value ?? OURS;
    button.disabled = !document.querySelector(".map-host, .maplibregl-map");
    const hint = make("p", { className: "pickhint", role: "status", textContent: words.picking });
    let looking = false;
    const end = () => {
      if (!looking) return;
      looking = false;
      delete root.dataset.pick;
      hint.remove();
      window.removeEventListener("ioc:picked", picked);
      document.removeEventListener("keydown", left, true);
      aside(false);
      input.focus();
    };
    const picked = (event) => {
      input.value = event.detail.map((v) => v.toFixed(6)).join(", ");
      if (wide) wide.select.value = OURS;
      end();
    };
    const left = (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      end();
    };
    button.addEventListener("click", () => {
      looking = true;
      root.dataset.pick = "";
      aside(true);
      document.body.append(hint);
      window.addEventListener("ioc:picked", picked);
      document.addEventListener("keydown", left, true);
    });
    const parts = wide ? [input, wide.select, button, wide.list] : [input, button];
    return {
      element: make("div", { className: wide ? "fplace wide" : "fplace" }, ...parts),
      ids: () => read(input.value, crs()) ?? (input.value.trim() ? input.value.trim() : ""),
      fault: () => (input.value.trim() && !read(input.value) ? (field.wide?.words.bad ?? words.degrees) : ""),
    };
  };
})();
