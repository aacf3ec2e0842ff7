"use strict";
// How many clients the selection matches while it is written.
(() => {
  const place = document.getElementById("selection-matches");
  const fields = ["filter_operator_codes", "filter_tags", "owner_id"].map(id => document.getElementById(id)).filter(Boolean);
  fields[1].closest(".mb-3").append(place);
  const text = document.getElementById("text");
  let timer = 0;
  const later = () => { clearTimeout(timer); timer = setTimeout(ask, 300); };
  async function ask() {
    const value = id => document.getElementById(id)?.value ?? "";
    const query = new URLSearchParams({ codes: value("filter_operator_codes"), tags: value("filter_tags"), owner: value("owner_id"), names: text?.dataset.names ?? "" });
    const answer = await fetch(`${place.dataset.url}?${query}`).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const found = await answer.json();
    place.textContent = found.text;
    document.dispatchEvent(new CustomEvent("selection-values", { detail: found.values ?? {} }));
  }
  fields.forEach(field => field.addEventListener("input", later));
  document.addEventListener("text-names", later);
  ask();
})();
