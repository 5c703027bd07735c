/* Export of a list: a dialog that says what the file will hold, then the download. Words come from the server (ioc/screens/exporting.py). */
(() => {
  "use strict";
  const make = (tag, props, ...children) => {
    const el = Object.assign(document.createElement(tag), props);
    el.append(...children.filter(Boolean));
    return el;
  };
  const lang = () => (document.documentElement.lang.startsWith("en") ? "en" : "zh");
  const said = (body, failed) => [body[lang()] ?? failed, ...(body.reasons ?? []).map((r) => r[lang()])].join(lang() === "en" ? "; " : "；");

  /** The question the screen shows now, as the server reads it. */
  const asked = (name) => {
    const url = window.iocPage?.url.value;
    const query = { region: url?.region ?? "", lang: lang() };
    if (name === "queue" && url) Object.assign(query, { show: url.list.show, urgency: url.list.urgency.join(","), flow: url.list.flow.join(","), sort: url.list.sort });
    const own = document.querySelector(`[data-export-query="${name}"]`)?.dataset.query;
    return new URLSearchParams([...Object.entries(query).filter(([, v]) => v), ...new URLSearchParams(own ?? "")]);
  };
  const option = (value, textContent) => make("option", { value, textContent });
  const field = (label, control) => make("label", { className: "fd" }, make("span", { textContent: label }), control);

  const open = (button) => {
    const name = button.dataset.export;
    const w = JSON.parse(button.dataset.words);
    const query = asked(name);
    const title = make("h2", { id: "export-title" }, make("span", { textContent: w.title }));
    const why = make("p", { className: "mut", textContent: w.why });
    const facts = make("dl", { className: "exf" });
    const state = make("p", { className: "exs", textContent: w.wait });
    state.setAttribute("role", "status");
    const fault = make("p", { className: "sfault", role: "alert", hidden: true });
    const format = make("select", { name: "format" }, option("csv", w.csv), option("xlsx", w.xlsx));
    const flow = w.flows ? make("select", { name: "flow" }, option("", w.any), ...w.flows.map(([k, v]) => option(k, v))) : null;
    if (flow && !query.get("flow")?.includes(",")) flow.value = query.get("flow") ?? "";
    else if (flow) flow.disabled = true; // several were chosen on the screen: they stay
    const get = make("button", { type: "submit", className: "btn p l", textContent: w.get, disabled: true });
    const cancel = make("button", { type: "button", className: "btn l", textContent: w.cancel });
    const form = make("form", {}, title, why, facts, state, flow ? field(w.flow, flow) : null, field(w.format, format), fault, make("div", { className: "acts" }, get, cancel));
    const box = make("dialog", { className: "stepbox exbox" }, form);
    box.setAttribute("aria-labelledby", "export-title");
    const refuse = (text) => {
      fault.hidden = !text;
      fault.textContent = text;
    };
    let turn = 0;
    const count = async () => {
      const mine = ++turn;
      get.disabled = true;
      refuse("");
      state.textContent = w.wait;
      const answer = await fetch(`/api/v1/exports/${name}?${query}`, { credentials: "same-origin" }).catch(() => null);
      const body = answer ? await answer.json().catch(() => ({})) : {};
      if (mine !== turn) return;
      if (!answer?.ok) {
        state.textContent = "";
        return refuse(said(body, w.failed));
      }
      facts.replaceChildren(...body.head.map(([k, v]) => make("div", {}, make("dt", { textContent: k }), make("dd", { textContent: v }))));
      state.textContent = body.too_many ? "" : body.rows ? "" : w.none;
      if (body.too_many) return refuse(w.most.replace("{n}", body.limit.toLocaleString("en")));
      get.disabled = false;
    };
    flow?.addEventListener("change", () => {
      if (flow.value) query.set("flow", flow.value);
      else query.delete("flow");
      count();
    });
    cancel.addEventListener("click", () => box.close());
    box.addEventListener("close", () => {
      box.remove();
      button.focus();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      query.set("format", format.value);
      const link = make("a", { href: `/api/v1/exports/${name}/file?${query}`, download: "" });
      document.body.append(link);
      link.click();
      link.remove();
      box.close();
    });
    document.body.append(box);
    box.showModal();
    count();
  };
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-export]") : null;
    if (button) open(button);
  });
})();
