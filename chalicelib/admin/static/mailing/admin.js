"use strict";
// What every page needs beside the library's own scripts.
(() => {
  const dependentsUrl = document.currentScript.dataset.dependents;

  // Handlers that the library writes into attributes, where the policy on scripts forbids them.
  document.addEventListener("click", event => {
    if (event.target.closest('[data-admin="apply-columns"]')) window.applyColumnVisibility();
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard.writeText(document.querySelector(copy.dataset.copy).textContent).then(() => { copy.textContent = copy.dataset.copied; });
  });

  // The switch of the theme; base.html applies it before the page is painted.
  const themes = document.querySelectorAll("[data-theme-choice]");
  const showTheme = () => themes.forEach(each => each.setAttribute("aria-pressed", each.dataset.themeChoice === document.documentElement.dataset.theme));
  themes.forEach(each => each.addEventListener("click", () => { window.keepTheme(each.dataset.themeChoice); showTheme(); }));
  addEventListener("storage", showTheme);
  showTheme();

  document.addEventListener("change", event => {
    if (event.target.matches('[data-admin="go-to-value"]')) location.assign(event.target.value);
  });
  document.addEventListener("submit", event => {
    const question = event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });

  // A dialog's form is sent by the dialog's button, which knows nothing of the form: Enter would send it as an address, passwords too,
  // and the button would send what the browser knows to be incomplete.
  const dialogForm = () => document.querySelector('[data-sa-hook="modal-form"] form');
  document.addEventListener("submit", event => {
    if (event.target !== dialogForm()) return;
    event.preventDefault();
    document.querySelector('[data-sa-action="action-submit"]').click();
  });
  document.addEventListener("click", event => {
    if (!event.target.closest('[data-sa-action="action-submit"]') || dialogForm()?.reportValidity() !== false) return;
    event.stopPropagation();
    event.preventDefault();
  }, true);

  // The library's rows are focusable, but only a click opens them.
  document.addEventListener("keydown", event => {
    if (event.key === "Enter" && event.target.matches("tr.row-clickable")) location.assign(event.target.dataset.saHref);
  });

  // What a deletion takes with it stands in the question.
  const modal = document.querySelector('[data-sa-hook="modal-action"]');
  modal?.addEventListener("show.bs.modal", async event => {
    const button = event.relatedTarget;
    if (!button) return;
    // A dialog without a header is named by its question.
    modal.setAttribute("aria-labelledby", button.dataset.saHeader ? "modal-action-title" : "actionConfirmation");
    if (button.dataset.saName !== "delete") return;
    const parts = location.pathname.split("/").filter(Boolean);
    const query = new URLSearchParams({ key: parts[parts.length - 2], list: location.search });
    if (button.dataset.saIsRowAction) {
      query.append("pks", button.closest("tr")?.dataset.saPk ?? new URLSearchParams(location.search).get("pk"));
    } else if (!document.querySelector('[data-sa-hook="select-all-banner-all"]')?.classList.contains("d-none") && document.querySelector('[data-sa-hook="select-all-banner-all"]')) {
      query.append("all", "1");
    } else {
      document.querySelectorAll('[data-sa-hook="row-checkbox"]:checked').forEach(box => query.append("pks", box.value));
    }
    const place = modal.querySelector('[data-sa-hook="action-confirmation"]');
    const answer = await fetch(`${dependentsUrl}?${query}`);
    if (!answer.ok) return;
    const note = document.createElement("p");
    note.className = "mt-2 mb-0 fw-bold dependents";
    note.textContent = (await answer.json()).text;
    place.append(note);
  });

  window.mailing = {
    element(name, attributes = {}, ...children) {
      const made = document.createElement(name);
      for (const [key, value] of Object.entries(attributes)) key === "style" ? Object.assign(made.style, value) : made.setAttribute(key, value);
      made.append(...children);
      return made;
    },
    // How far a mailing is (chalicelib/admin/progress.py): a segment for each final status, in its colour; what waits is the rest.
    segments: bar => bar.segments.map(each => window.mailing.element("i", { class: `code-${each.key}`, style: { width: `${each.percent}%` } })),
    number: value => new Intl.NumberFormat(document.documentElement.lang).format(value),
    csrf: () => document.querySelector('meta[name="csrf-token"]').content,
    // Asks again and again while the page is looked at; a login page in place of data means that the session is over.
    poll(url, seconds, use) {
      const ask = async () => {
        if (document.hidden) return true;
        const answer = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
        if (!answer) return true;
        if (answer.redirected || answer.status === 404) { location.reload(); return false; }
        return answer.ok ? use(await answer.json()) !== false : true;
      };
      const turn = async () => { if (await ask()) setTimeout(turn, seconds * 1000); };
      setTimeout(turn, seconds * 1000);
    },
  };
})();
