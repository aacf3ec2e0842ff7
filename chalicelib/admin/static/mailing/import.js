"use strict";
// Cuts a file into slices of whole rows and sends them one after the other: first all as a rehearsal, then in earnest.
(() => {
  const { element, number, csrf } = window.mailing;
  const place = document.getElementById("import");
  const result = document.getElementById("import-result");
  const words = JSON.parse(result.dataset.words);
  const [file, check, run, bar] = ["import-file", "import-check", "import-run", "import-progress"].map(id => document.getElementById(id));
  const SHOWN = 100;
  let rows = null;
  // Rows of the file that repeat the phone of a row in an earlier slice, which no slice can know by itself.
  let repeated = [];

  // Rows as they stand in the file; a line break inside quotes belongs to its row.
  function split(text) {
    const found = [];
    let start = 0;
    let quoted = false;
    for (let at = 0; at <= text.length; at++) {
      if (text[at] === '"') quoted = !quoted;
      if (at === text.length || (text[at] === "\n" && !quoted)) {
        const row = text.slice(start, at);
        if (row.trim()) found.push(row);
        start = at + 1;
      }
    }
    return found;
  }

  function grid(name, id, titles, lines) {
    const table = element("table", { class: "table table-sm", id },
      element("thead", {}, element("tr", {}, ...titles.map(title => element("th", { scope: "col" }, title)))),
      element("tbody", {}, ...lines.map(cells => element("tr", {}, ...cells.map(cell => element("td", {}, cell))))));
    return element("div", { class: "table-responsive", tabindex: "0", role: "region", "aria-label": name }, table);
  }

  function report(kind, sum) {
    const counts = ["created", "updated", "skipped"].map(key => `${number(sum[key])} ${words[key]}`).join(", ");
    const bad = new Set(sum.errors.map(error => error.row)).size;
    result.replaceChildren(element("div", { class: `alert ${bad ? "alert-warning" : "alert-success"}` },
      element("b", {}, words[kind]), ` ${counts}, ${number(bad)} ${words.bad}.`));
    if (sum.sample.length) result.append(element("h2", { class: "h3" }, words.first), grid(words.first, "import-sample", [words.phone, words.zone, words.tags, words.attributes], sum.sample));
    if (sum.errors.length) {
      result.append(element("h2", { class: "h3 mt-3" }, words.problem),
        grid(words.problem, "import-errors", [words.row, words.field, words.problem], sum.errors.slice(0, SHOWN).map(error => [number(error.row), error.field, error.message])));
      if (sum.errors.length > SHOWN) result.append(element("p", {}, `… ${number(sum.errors.length - SHOWN)} ${words.more}`));
    }
  }

  async function ask(slice) {
    const answer = await fetch(place.dataset.url, { method: "POST", body: JSON.stringify(slice), headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() } });
    if (answer.redirected) { location.reload(); return null; }
    if (answer.status === 422) throw new Error((await answer.json()).message);
    if (!answer.ok) throw new Error(words.failed);
    return answer.json();
  }

  async function send(rehearse) {
    const [header, ...body] = rows;
    const seen = new Set();
    if (rehearse) repeated = [];
    const size = Number(place.dataset.rows);
    const sum = { created: 0, updated: 0, skipped: 0, errors: [], sample: [] };
    for (let at = 0; at < body.length; at += size) {
      const slice = {
        header, body: body.slice(at, at + size).join("\n"), first_row: at + 1, rehearse, repeated: repeated.filter(row => row > at && row <= at + size),
        duplicates: document.querySelector('[name="duplicates"]:checked').value, owner: document.getElementById("import-owner")?.value ?? null,
      };
      let part = await ask(slice);
      if (part === null) return null;
      const again = rehearse ? part.phones.filter(([, phone]) => seen.has(phone)).map(([row]) => row) : [];
      part.phones.forEach(([, phone]) => seen.add(phone));
      if (again.length) {
        repeated.push(...again);
        part = await ask({ ...slice, repeated: again });
        if (part === null) return null;
      }
      for (const key of ["created", "updated", "skipped"]) sum[key] += part[key];
      sum.errors.push(...part.errors);
      if (!sum.sample.length) sum.sample = part.sample;
      const percent = Math.round(100 * Math.min(at + size, body.length) / body.length);
      bar.firstElementChild.style.width = `${percent}%`;
      bar.setAttribute("aria-valuenow", percent);
    }
    return sum;
  }

  async function work(rehearse) {
    [check.disabled, run.disabled, file.disabled] = [true, true, true];
    bar.hidden = false;
    bar.firstElementChild.style.width = "0";
    try {
      rows = split((await file.files[0].text()).replace(/^\ufeff/, "").replace(/\r\n?/g, "\n"));
      if (rows.length < 2) throw new Error(words.empty);
      const sum = await send(rehearse);
      if (sum) report(rehearse ? "preview" : "done", sum);
      run.disabled = !rehearse;
    } catch (error) {
      result.replaceChildren(element("div", { class: "alert alert-danger" }, error.message === "Failed to fetch" ? words.failed : error.message));
    }
    bar.hidden = true;
    [check.disabled, file.disabled] = [false, false];
  }

  file.addEventListener("change", () => { check.disabled = !file.files.length; run.disabled = true; result.replaceChildren(); });
  document.querySelectorAll('[name="duplicates"]').forEach(choice => choice.addEventListener("change", () => { run.disabled = true; }));
  check.addEventListener("click", () => work(true));
  run.addEventListener("click", () => work(false));
})();
