"use strict";
(() => {
  const { element, number, poll, segments } = window.mailing;
  const place = document.getElementById("dashboard");
  const SVG = "http://www.w3.org/2000/svg";
  const seen = new Map();

  function svg(name, attributes, ...children) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function days(data) {
    const used = data.statuses.filter(status => data.days.some(day => day.counts[status.key]));
    const total = day => used.reduce((sum, status) => sum + day.counts[status.key], 0);
    const most = Math.max(1, ...data.days.map(total));
    const [width, height, bottom] = [Math.max(300, document.getElementById("days").clientWidth), 220, 22];
    const margin = 16; // the first and the last label are wider than their bars
    const step = (width - 2 * margin) / data.days.length;
    const left = place => margin + place * step;
    const chart = svg("svg", { class: "days", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    data.days.forEach((day, place) => {
      let y = height - bottom;
      for (const status of used) {
        const size = (height - bottom - 14) * day.counts[status.key] / most;
        y -= size;
        const bar = svg("rect", { x: left(place) + step * .15, y, width: step * .7, height: size });
        bar.style.fill = `var(--code-${status.key})`;
        chart.append(bar);
      }
      if (total(day)) chart.append(svg("text", { x: left(place) + step / 2, y: y - 3, "text-anchor": "middle" }, number(total(day))));
      const apart = Math.ceil(52 / step); // labels that are closer run into each other
      if ((data.days.length - 1 - place) % apart === 0) chart.append(svg("text", { x: left(place) + step / 2, y: height - 6, "text-anchor": "middle" }, day.title));
    });
    const legend = element("ul", { class: "day-legend" }, ...data.statuses.map(status => element("li", {}, element("span", { class: `swatch code-${status.key}` }), status.title)));
    const table = element("table", {},
      element("thead", {}, element("tr", {}, element("th", {}, document.getElementById("days").dataset.day), ...data.statuses.map(status => element("th", {}, status.title)))),
      element("tbody", {}, ...data.days.map(day => element("tr", {}, element("th", {}, day.title), ...data.statuses.map(status => element("td", {}, number(day.counts[status.key])))))));
    document.getElementById("days").replaceChildren(chart, legend, element("div", { class: "visually-hidden" }, table));
  }

  function running(data) {
    const list = document.getElementById("running");
    const made = data.running.map(each => {
      const before = seen.get(each.id);
      const rate = before && data.epoch > before.epoch ? (each.bar.ended - before.ended) / (data.epoch - before.epoch) : 0;
      seen.set(each.id, { ended: each.bar.ended, epoch: data.epoch });
      const stack = element("div", { class: "stack", role: "img", "aria-label": each.bar.label, title: each.bar.label }, ...segments(each.bar));
      const speed = rate > 0 ? ` · ${list.dataset.rate}: ${number(Math.round(rate))}` : "";
      return element("div", { class: "running" },
        element("div", { class: "d-flex justify-content-between gap-2" }, element("a", { href: each.url }, each.name), element("span", { class: `badge code-${each.colour}` }, each.status_title)),
        stack, element("div", { class: "text-secondary small" }, `${each.bar.text}${speed}`));
    });
    list.replaceChildren(...(made.length ? made : [list.dataset.empty]));
    const soon = document.getElementById("upcoming");
    const next = data.upcoming.map(each => element("div", { class: "running" }, element("a", { href: each.url }, each.name), element("div", { class: "text-secondary small" }, each.next)));
    soon.replaceChildren(...(next.length ? next : [soon.dataset.empty]));
  }

  function provider(each) {
    const icon = element("i", { class: `fa-solid me-2 ${each.ok ? "fa-circle-check" : "fa-triangle-exclamation"}`, "aria-hidden": "true" });
    const name = each.name ? [element("code", { class: "me-2" }, each.name)] : [];
    return element("div", { class: `alert mb-0 alert-${each.state}`, role: "status" }, icon, ...name, element("b", {}, each.title), " ", element("span", {}, each.text));
  }

  // What has not changed stays as it is: a screen reader would else say it again every few seconds.
  function providers(data) {
    const said = JSON.stringify(data.providers);
    if (said === providers.said) return;
    providers.said = said;
    document.getElementById("providers").replaceChildren(...data.providers.map(provider));
  }

  function show(data) {
    for (const [key, value] of Object.entries(data.totals)) place.querySelector(`[data-total="${key}"]`).textContent = number(value);
    days(data);
    running(data);
    providers(data);
    document.getElementById("as-of").textContent = data.now;
  }

  show(JSON.parse(document.getElementById("dashboard-data").textContent));
  poll(place.dataset.url, 3, show);
})();
