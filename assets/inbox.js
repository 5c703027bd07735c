/* The bell: how many notices wait, and the list behind it. The feed only says that something came; each asks for its own. */
(() => {
  "use strict";
  const CALM_MS = 400, SPREAD_MS = 1200, EVERY_MS = 60000, PAGE = 30;
  const make = (tag, props, ...children) => {
    const el = Object.assign(document.createElement(tag), props);
    el.append(...children);
    return el;
  };
  const english = () => document.documentElement.lang.startsWith("en");
  const bell = () => document.getElementById("bell");
  const inWords = (text) => (english() ? text.en : text.zh);
  let rows = [], next = null, onlyUnread = false, box = null, timer = 0, failed = false;

  const stamp = (iso) =>
    new Intl.DateTimeFormat(english() ? "en-GB" : "zh-CN", { timeZone: bell().dataset.zone, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false }).format(new Date(iso));
  // of the past no notices are on record: a page that looks back asks for none
  const get = async (query) => {
    if (new URLSearchParams(location.search).get("t")) return { notices: [], next: null, unread: 0 };
    const answer = await fetch(`/api/v1/notices?${query}`, { credentials: "same-origin", headers: { Accept: "application/json" } });
    if (!answer.ok) throw new TypeError(String(answer.status));
    return answer.json();
  };
  const count = (n) => {
    const button = bell();
    if (!button) return;
    const mark = button.querySelector("i");
    mark.textContent = n > 99 ? "99+" : n ? String(n) : "";
    button.classList.toggle("some", n > 0);
    const { title } = JSON.parse(button.dataset.inbox);
    button.setAttribute("aria-label", n ? `${title} ${n}` : title);
  };

  const refresh = async () => {
    if (!bell()) return;
    try {
      const page = await get(`limit=${PAGE}${onlyUnread ? "&unread=1" : ""}`);
      failed = false;
      count(page.unread);
      if (!box) return;
      // what was read here a moment ago stays where it is until the list is opened anew
      const known = new Set(page.notices.map((n) => n.notice_id));
      rows = [...page.notices, ...rows.filter((n) => !known.has(n.notice_id) && (!page.notices.length || n.notice_id < page.notices[0].notice_id || onlyUnread))];
      rows.sort((a, b) => b.notice_id - a.notice_id);
      if (rows.length <= PAGE) next = page.next;
      draw();
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
      failed = true;
      if (box) draw();
    }
  };
  // two hundred desks hear of a notice in the same moment
  const soon = () => {
    if (timer) return;
    timer = setTimeout(() => {
      timer = 0;
      refresh();
    }, CALM_MS + Math.random() * SPREAD_MS);
  };

  const open = async (notice) => {
    if (!notice.read_at) {
      const answer = await fetch(`/api/v1/notices/${notice.notice_id}/read`, { method: "POST", credentials: "same-origin" }).catch(() => null);
      if (answer?.ok) {
        const body = await answer.json();
        notice.read_at = body.read_at;
        count(body.unread);
      }
    }
    notice.open = !notice.open;
    draw();
  };
  const go = (notice) => {
    close();
    if (document.getElementById("detail")) window.iocPage?.url.push({ sel: notice.about });
    else location.href = `/desk/events?sel=${encodeURIComponent(notice.about)}`;
  };
  const item = (notice, words) => {
    const head = make("button", { type: "button", className: "nh" },
      make("b", { className: "ellip", textContent: inWords(notice.title) }),
      make("time", { className: "num", textContent: stamp(notice.created_at) }));
    if (notice.priority === "urgent" || notice.priority === "high") head.prepend(make("em", { className: notice.priority, textContent: words[notice.priority] }));
    head.addEventListener("click", () => open(notice));
    const li = make("li", { className: notice.read_at ? "" : "new" }, head);
    head.setAttribute("aria-expanded", String(Boolean(notice.open)));
    if (notice.open) {
      li.append(make("p", { textContent: inWords(notice.body) || inWords(notice.title) }));
      if (/^(case|event|warning|device|incident):/.test(notice.about)) {
        const link = make("button", { type: "button", className: "btn", textContent: notice.about });
        link.addEventListener("click", () => go(notice));
        li.append(link);
      }
    }
    return li;
  };
  const draw = () => {
    const words = JSON.parse(bell().dataset.inbox);
    const list = box.querySelector("ol");
    const at = list.scrollTop;
    const kept = document.activeElement?.closest?.("#inbox li") ? [...list.children].indexOf(document.activeElement.closest("li")) : -1;
    list.replaceChildren(...rows.map((n) => item(n, words)));
    if (!rows.length) list.append(make("li", { className: "mut none", textContent: failed ? words.failed : words.none }));
    else if (failed) list.prepend(make("li", { className: "mut none", textContent: words.failed }));
    if (next && rows.length) {
      const more = make("button", { type: "button", className: "btn", textContent: words.more });
      more.addEventListener("click", async () => {
        const page = await get(`limit=${PAGE}&before=${next}${onlyUnread ? "&unread=1" : ""}`).catch(() => null);
        if (!page) return;
        rows = [...rows, ...page.notices];
        next = page.next;
        draw();
      });
      list.append(make("li", { className: "none" }, more));
    }
    list.scrollTop = at;
    if (kept >= 0) list.children[kept]?.querySelector("button")?.focus();
  };
  const close = () => {
    box?.remove();
    box = null;
    bell()?.setAttribute("aria-expanded", "false");
  };
  const toggle = () => {
    if (box) return close();
    const words = JSON.parse(bell().dataset.inbox);
    const tab = (text, unread) => {
      const button = make("button", { type: "button", className: unread === onlyUnread ? "on" : "", textContent: text });
      button.addEventListener("click", () => {
        onlyUnread = unread;
        for (const other of button.parentElement.children) other.classList.toggle("on", other === button);
        rows = [];
        next = null;
        refresh();
      });
      return button;
    };
    const shut = make("button", { type: "button", className: "close", textContent: "×" });
    shut.setAttribute("aria-label", words.close);
    shut.addEventListener("click", close);
    box = make("aside", { id: "inbox" },
      make("header", {}, make("h2", { textContent: words.title }), make("div", { className: "seg" }, tab(words.all, false), tab(words.unread, true)), shut),
      make("ol", {}));
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-label", words.title);
    rows = [];
    next = null;
    document.body.append(box);
    bell().setAttribute("aria-expanded", "true");
    refresh();
    shut.focus();
  };

  document.addEventListener("click", (event) => {
    const el = event.target instanceof Element ? event.target : null;
    if (!el) return;
    if (el.closest("#bell")) toggle();
    else if (box && el.isConnected && !el.closest("#inbox")) close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box) return;
    event.stopPropagation();
    close();
    bell()?.focus();
  }, true);
  window.addEventListener("ioc:notice", soon);
  document.addEventListener("visibilitychange", () => document.hidden || soon());
  setInterval(() => document.hidden || soon(), EVERY_MS);
  const seen = new MutationObserver(() => {
    const button = bell();
    if (!button || button.dataset.begun) return;
    button.dataset.begun = "1";
    refresh();
  });
  seen.observe(document.documentElement, { childList: true, subtree: true });
})();
