/* A place of a form: written as degrees, or pressed on the map while the form steps aside. */
(() => {
  "use strict";
  const make = (tag, props, ...children) => {
    const el = Object.assign(document.createElement(tag), props);
    el.append(...children);
    return el;
  };
  const read = (text) => {
    const found = /^\s*(-?\d+(?:\.\d+)?)\s*[,，\s]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text);
    return found ? { lon: Number(found[1]), lat: Number(found[2]), crs: "EPSG:4490" } : null;
  };

  /** `aside(true)` hides the form while somebody looks for the place, `aside(false)` brings it back. */
  window.iocPlace = (field, words, aside) => {
    const root = document.documentElement;
    const input = make("input", { name: field.name, required: !field.optional, placeholder: "112.010000, 21.850000", inputMode: "decimal", autocomplete: "off" });
    const button = make("button", { type: "button", className: "btn l", textContent: words.pick });
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
    return {
      element: make("div", { className: "fplace" }, input, button),
      ids: () => read(input.value) ?? (input.value.trim() ? input.value.trim() : ""),
      fault: () => (input.value.trim() && !read(input.value) ? words.degrees : ""),
    };
  };
})();
