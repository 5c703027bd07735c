/* The page of an after-action report: the document the server has made, in a shadow of its own so that paper stays paper,
   and the forms beside it. The server decides everything. */
(() => {
  "use strict";
  class Aftermath {
    constructor(host, set) {
      this.host = host;
      this.set = set;
      this.doc = document.getElementById("aar-doc");
      this.base = `/api/v1/incidents/${set.case}/review`;
      this.n = 0;
      host.addEventListener("click", (e) => e.target.closest?.('[data-aar="print"]') && this.print());
      window.addEventListener("ioc:change", (e) => this.heard(e.detail));
      this.load();
    }
    url() {
      return `${this.base}/document?lang=${this.set.lang}`;
    }
    async load() {
      const turn = ++this.n;
      this.doc.dataset.busy = "1";
      try {
        const answer = await fetch(this.url(), { credentials: "same-origin" });
        const text = await answer.text();
        if (turn !== this.n) return;
        if (!answer.ok) throw new Error(JSON.parse(text)[this.set.lang] ?? "");
        const made = new DOMParser().parseFromString(text, "text/html");
        const root = this.doc.shadowRoot ?? this.doc.attachShadow({ mode: "open" });
        root.replaceChildren(...made.head.querySelectorAll("style"), ...made.body.children);
        this.doc.dataset.made = String(turn);
      } catch (error) {
        if (turn !== this.n) return;
        const again = Object.assign(document.createElement("button"), { type: "button", className: "btn", textContent: this.set.words.again });
        again.addEventListener("click", () => this.load());
        const said = Object.assign(document.createElement("p"), { textContent: [this.set.words.failed, error.message].filter(Boolean).join("：") });
        (this.doc.shadowRoot ?? this.doc).replaceChildren(said, again);
      } finally {
        if (turn === this.n) delete this.doc.dataset.busy;
      }
    }
    print() {
      const page = window.open(this.url(), "_blank");
      page?.addEventListener("load", () => page.print());
    }
    /* Somebody else has filled in, submitted or closed it. */
    heard(record) {
      if (record?.topic === "timeline" && record.record?.case === `case:${this.set.case}`) this.again();
    }
    again() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        window.dash_clientside?.set_props("st-cmd", { data: Date.now() });
        this.load();
      }, 150);
    }
    /* What a form of desk.js has gathered: "" when it was taken, else why not. */
    async take(form, given) {
      let values = { ...given };
      if (form.nest) {
        const { which, ...rest } = values;
        if ("value" in rest) rest.value = Number(String(rest.value).replaceAll(",", ""));
        values = { [form.nest]: { [which]: rest } };
      }
      for (const name of form.blank ?? []) values[name] ??= name === "due_on" ? null : "";
      // what this page itself changed last it has seen, also while the side is still drawn anew
      const version = Math.max(form.body.version ?? 0, this.version ?? 0);
      const body = form.bare ? values : { ...form.body, version, ...values };
      const answer = await fetch(form.post.replace(/version=\d+$/, `version=${version}`), {
        method: form.method ?? "POST", credentials: "same-origin",
        headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` },
        body: form.method === "DELETE" ? undefined : JSON.stringify(body),
      });
      const told = await answer.json().catch(() => ({}));
      if (answer.ok) {
        this.version = told.review?.version;
        this.again();
        return "";
      }
      const { lang } = this.set;
      const label = (name) => form.fields.find((f) => name === f.name || name.endsWith(`.${f.name}`))?.label ?? "";
      const reasons = (told.reasons ?? []).map((r) => `${label(r.field)} ${r[lang] ?? r.zh}`.trim());
      return [told[lang] ?? form.words.failed, ...reasons].join(lang === "en" ? "; " : "；");
    }
  }
  const attach = () => {
    const host = document.getElementById("aar");
    if (!host || host.dataset.on || !window.iocPage) return;
    host.dataset.on = "1";
    window.iocCommand = new Aftermath(host, JSON.parse(host.dataset.setup));
  };
  new MutationObserver(attach).observe(document.documentElement, { childList: true, subtree: true });
  attach();
})();
