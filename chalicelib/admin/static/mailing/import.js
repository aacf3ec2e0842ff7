"use strict";
// Sends a file as it is, in slices of bytes, and then asks for one step after the other. What a row is, the server alone decides.
(() => {
  const { element, number, csrf } = window.mailing;
  const place = document.getElementById("import");
  const result = document.getElementById("import-result");
  const words = JSON.parse(result.dataset.words);
  const byId = id => document.getElementById(id);
  const [file, check, run, bar, options, table] = ["file", "check", "run", "progress", "options", "columns"].map(name => byId(`import-${name}`));
  const FIELDS = ["phone", "time_zone", "operator_code", "tags", "attributes"];
  const PAUSES = [500, 2000, 5000];
  let upload = null;

  // A step that is repeated changes nothing, so a broken connection is tried again.
  async function ask(step, body, pauses = PAUSES) {
    let answer;
    try {
      answer = await fetch(`${place.dataset.url}/${step}`, { method: "POST", body: JSON.stringify({ id: upload?.id, ...body }), headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() } });
    } catch { answer = null; }
    if (answer?.redirected) { location.reload(); return new Promise(() => {}); }
    if (answer?.status === 422) throw new Error((await answer.json()).message);
    if (answer?.ok) return answer.json();
    if (!pauses.length) throw new Error(words.failed);
    await new Promise(resolve => setTimeout(resolve, pauses[0]));
    return ask(step, body, pauses.slice(1));
  }

  function progress(done, all) {
    const percent = all ? Math.round(100 * done / all) : 0;
    bar.firstElementChild.style.width = `${percent}%`;
    bar.setAttribute("aria-valuenow", percent);
  }

  function base64(bytes) {
    let text = "";
    for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    return btoa(text);
  }

  async function send(chosen) {
    if (chosen.size > Number(place.dataset.max)) throw new Error(words.large);
    const size = Number(place.dataset.part);
    const begun = await ask("begin", { size: chosen.size, owner: byId("import-owner")?.value ?? null });
    upload = { id: begun.id };
    for (let at = 0, position = 0; at < chosen.size; at += size, position++) {
      const bytes = new Uint8Array(await chosen.slice(at, at + size).arrayBuffer());
      await ask("part", { position, data: base64(bytes) });
      progress(at + bytes.length, chosen.size);
    }
  }

  function choice(column, index) {
    const select = element("select", { class: "form-select form-select-sm", "aria-label": `${words.column_of}: ${column.name || words.no_name}`, "data-index": index });
    const add = (value, label) => { const option = element("option", { value }, label); option.selected = value === column.target; select.append(option); };
    add("", words.left_out);
    FIELDS.forEach(name => add(name, words[name === "phone" ? "phone_field" : name]));
    [...new Set([column.attribute, column.target])].filter(target => target?.startsWith("attributes.")).forEach(target => add(target, `${words.attribute}: ${target.slice("attributes.".length)}`));
    select.addEventListener("change", () => { run.disabled = true; });
    return select;
  }

  function columns(read) {
    upload = { ...upload, ...read };
    const shown = read.columns.map((column, index) => ({ column, index })).filter(({ column }) => column.name || column.samples.length);
    table.tBodies[0].replaceChildren(...shown.map(({ column, index }) => element("tr", {},
      element("td", {}, column.name || words.no_name), element("td", {}, column.samples.join(", ")), element("td", {}, choice(column, index)))));
    const unknown = shown.filter(({ column }) => !column.target).length;
    byId("import-about").textContent = `${words.rows}: ${number(read.rows)}. ${read.sheet ? `${words.sheet}: ${read.sheet}. ` : ""}${unknown ? `${words.unknown}: ${number(unknown)}.` : ""}`;
    if (read.options) {
      byId("import-country").value = read.options.country ?? "";
      document.querySelector(`[name="duplicates"][value="${read.options.update ? "update" : "skip"}"]`).checked = true;
    }
    options.hidden = false;
  }

  function targets() {
    const found = upload.columns.map(() => "");
    table.querySelectorAll("select").forEach(select => { found[Number(select.dataset.index)] = select.value; });
    return found;
  }

  function grid(name, id, titles, lines) {
    const made = element("table", { class: "table table-sm", id },
      element("thead", {}, element("tr", {}, ...titles.map(title => element("th", { scope: "col" }, title)))),
      element("tbody", {}, ...lines.map(cells => element("tr", {}, ...cells.map(cell => element("td", {}, cell))))));
    return element("div", { class: "table-responsive", tabindex: "0", role: "region", "aria-label": name }, made);
  }

  function report(kind, sum) {
    const counts = ["created", "updated", "unchanged", "bad", "blank"].map(key => `${words[key]} ${number(sum[key])}`).join(", ");
    result.replaceChildren(element("div", { class: `alert ${sum.bad || !sum.accounted ? "alert-warning" : "alert-success"}` },
      element("b", {}, words[kind]), ` ${words.rows}: ${number(sum.rows)} (${counts}).`, ...(sum.accounted ? [] : [` ${words.unaccounted}`])));
    if (sum.contradicting) {
      result.append(element("div", { class: "alert alert-warning" }, `${words.contradicting}: ${number(sum.contradicting)}.`),
        grid(words.zone, "import-contradictions", [words.row, words.country, words.zone], sum.contradictions.map(([row, ...rest]) => [number(row), ...rest])));
    }
    if (sum.countries.length) result.append(element("h2", { class: "h3 mt-3" }, words.countries), grid(words.countries, "import-countries", [words.country, words.rows], sum.countries.map(([name, count]) => [name, number(count)])));
    if (sum.sample.length) result.append(element("h2", { class: "h3 mt-3" }, words.first), grid(words.first, "import-sample", [words.phone, words.zone, words.tags, words.attributes], sum.sample));
    if (!sum.bad) return;
    const link = element("a", { href: `${place.dataset.url}/errors.csv?id=${upload.id}`, id: "import-download", download: "" }, words.download);
    const filter = element("select", { class: "form-select form-select-sm w-auto mb-2", id: "import-code", "aria-label": words.code },
      element("option", { value: "" }, `${words.all_codes} (${number(sum.bad)})`), ...sum.codes.map(([code, count]) => element("option", { value: code }, `${code} (${number(count)})`)));
    const list = element("div", {});
    result.append(element("h2", { class: "h3 mt-3" }, words.problem), element("p", {}, link), filter, list);
    const show = (found, all) => {
      list.replaceChildren(grid(words.problem, "import-errors", [words.row, words.column, words.cell, words.problem, words.code], found.errors.map(([row, ...rest]) => [number(row), ...rest])));
      const shown = new Set(found.errors.map(([row]) => row)).size;
      if (all > shown) list.append(element("p", {}, `… ${words.more}: ${number(all - shown)}`));
    };
    show(sum, sum.bad);
    filter.addEventListener("change", async event => {
      event.stopPropagation();
      const code = filter.value;
      try { show(await ask("report", { apply: kind === "done", code }), code ? new Map(sum.codes).get(code) : sum.bad); } catch (error) { list.replaceChildren(error.message); }
    });
  }

  async function work(steps) {
    [check, run, file].forEach(each => { each.disabled = true; });
    bar.hidden = false;
    progress(0, 1);
    let again = false;
    try { again = await steps(); } catch (error) {
      result.replaceChildren(element("div", { class: "alert alert-danger" }, error.message));
      again = Boolean(upload?.previewed);
    }
    bar.hidden = true;
    [check.disabled, file.disabled, run.disabled] = [!upload?.columns, false, !again];
  }

  async function read() {
    options.hidden = true;
    result.replaceChildren();
    upload = null;
    if (!file.files.length) return false;
    await send(file.files[0]);
    columns(await ask("read", { encoding: byId("import-encoding").value, delimiter: byId("import-delimiter").value }));
    history.replaceState(null, "", `#${upload.id}`);
    return false;
  }

  async function take(apply) {
    if (!apply) {
      upload.previewed = false;
      await ask("choose", { targets: targets(), country: byId("import-country").value, duplicates: document.querySelector('[name="duplicates"]:checked').value });
    }
    const { done } = await ask("report", { apply });
    for (let position = done; position < upload.chunks; position++) {
      await ask("take", { position, apply });
      progress(position + 1, upload.chunks);
    }
    const sum = await ask("report", { apply });
    report(apply ? "done" : "preview", sum);
    upload.previewed = !apply && sum.accounted;
    return upload.previewed;
  }

  async function resume(id) {
    upload = { id };
    columns(await ask("read", { again: true }));
    if (!upload.options) return false;
    const imported = await ask("report", { apply: true });
    const sum = imported.done ? imported : await ask("report", { apply: false });
    if (sum.done) report(imported.done === sum.chunks ? "done" : "preview", sum);
    upload.previewed = sum.done > 0 && imported.done < sum.chunks;
    return upload.previewed;
  }

  [file, byId("import-encoding"), byId("import-delimiter"), byId("import-owner")].forEach(each => each?.addEventListener("change", () => work(read)));
  options.addEventListener("change", () => { run.disabled = true; });
  check.addEventListener("click", () => work(() => take(false)));
  run.addEventListener("click", () => work(() => take(true)));
  if (/^#[0-9]+$/.test(location.hash)) work(() => resume(Number(location.hash.slice(1)))).then(() => { if (!upload?.columns) { upload = null; result.replaceChildren(); } });
  else if (file.files.length) work(read); // given before this script was there, or kept by the browser when the page was loaded again
})();
