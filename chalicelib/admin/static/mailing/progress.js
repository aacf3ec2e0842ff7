"use strict";
// A mailing's page while it is on its way.
(() => {
  const { element, number, poll, segments } = window.mailing;
  const card = document.getElementById("mailing-progress");
  const part = name => card.querySelector(`[data-show="${name}"]`);
  let last = null;
  let status = null;

  function rows(name, lines) {
    part(name).hidden = !lines.length;
    part(name).querySelector("tbody").replaceChildren(...lines.map(cells => element("tr", {}, ...cells.map(cell => element("td", {}, cell)))));
  }

  // A number, as a link to the messages that it counts.
  const counted = each => each.number && each.url ? element("a", { href: each.url }, number(each.number)) : number(each.number);

  function show(data) {
    part("status").textContent = data.status_title;
    part("status").className = `badge code-${data.colour}`;
    part("headline").textContent = data.headline;
    part("text").textContent = data.bar.text;
    part("bar").replaceChildren(...segments(data.bar));
    part("bar").setAttribute("aria-label", data.bar.label);
    const most = Math.max(1, ...data.counts.map(each => each.number));
    part("chart").tBodies[0].replaceChildren(...data.counts.map(each => element("tr", {},
      element("th", { scope: "row" }, each.title),
      element("td", {}, element("i", { class: `bar d-block code-${each.key}`, style: { width: `${100 * each.number / most}%` } })),
      element("td", { class: "number" }, counted(each)))));
    rows("errors", data.errors.map(each => [each.url ? element("a", { href: each.url }, each.code) : each.code, each.detail, number(each.number)]));
    rows("zones", data.zones.map(each => [each.zone, each.opens, each.ends, each.waiting === null ? "…" : number(each.waiting)]));
    const seconds = last ? data.epoch - last.epoch : 0;
    const rate = seconds > 0 ? (data.bar.ended - last.bar.ended) / seconds : 0;
    part("rate").textContent = rate > 0 ? `${part("rate").dataset.text}: ${number(Math.round(rate))}` : "";
    last = data;
    // The buttons are those of the state in which the page was made.
    if (status !== null && status !== data.status) location.reload();
    status = data.status;
    return data.live;
  }

  if (show(JSON.parse(card.querySelector("[data-initial]").textContent))) poll(card.dataset.url, 1.5, show);
})();
