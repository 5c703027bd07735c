/* Dead letters: sent again, one or all of a channel. The server redraws the lists. */
(() => {
  "use strict";
  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-resend]") : null;
    if (!button || button.disabled) return;
    const words = JSON.parse(button.dataset.words);
    if (words.ask && !window.confirm(words.ask)) return;
    button.disabled = true;
    const lang = document.documentElement.lang.startsWith("en") ? "en" : "zh";
    let said = words.failed;
    try {
      const answer = await fetch("/api/v1/deliveries/resend", {
        method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: button.dataset.resend,
      });
      const body = await answer.json();
      said = answer.ok ? "" : (body[lang] ?? said);
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    }
    if (said) {
      button.disabled = false;
      button.title = said;
      button.classList.add("fault");
      button.textContent = said;
    }
    window.dash_clientside?.set_props("tab-tick", { n_intervals: Date.now() });
  });
})();
