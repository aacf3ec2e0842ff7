"use strict";
// How many SMS the text takes while it is written: the rules of domain/segments.py and domain/personal_text.py, whose table stands in the page.
(() => {
  // A text with placeholders filled: `values` by name, else the default, else one question mark.
  function fill(text, values, table) {
    return text.replace(new RegExp(`(\\$+)\\{(?:(${table.name})(?:\\|([^{}]*))?\\})?`, "g"), (whole, dollars, name, byDefault) => {
      const plain = "$".repeat(Math.floor(dollars.length / 2));
      if (dollars.length % 2 === 0) return plain + "{" + whole.slice(dollars.length + 1);
      if (name === undefined) return whole; // not finished yet
      return plain + (values[name.normalize()] || (byDefault ?? "?"));
    });
  }

  function count(text, table) {
    const widths = new Map([...[...table.gsm].map(each => [each, 1]), ...[...table.extension].map(each => [each, 2])]);
    const characters = [...text];
    const odd = characters.find(each => !widths.has(each));
    const width = odd === undefined ? each => widths.get(each) : each => each.length;
    const [single, part] = odd === undefined ? table.sizes.slice(0, 2) : table.sizes.slice(2);
    let units = 0, segments = 1, used = 0;
    for (const each of characters) {
      const more = width(each);
      units += more;
      if (used + more > part) [segments, used] = [segments + 1, 0];
      used += more;
    }
    return { encoding: odd === undefined ? "GSM-7" : "UCS-2", characters: characters.length, units, segments: units <= single ? 1 : segments, odd: odd ?? null };
  }

  if (typeof module !== "undefined") { module.exports = { fill, count }; return; }

  const place = document.getElementById("text-size"), field = document.getElementById("text");
  const table = JSON.parse(place.dataset.table), words = JSON.parse(place.dataset.words);
  let values = [{}]; // the longest, and those that are not in the GSM alphabet
  field.closest(".mb-3").append(place);
  function show() {
    const counts = values.map(each => count(fill(field.value.replace(/\r\n/g, "\n"), each, table), table));
    const found = counts.reduce((one, other) => (other.segments - one.segments || other.units - one.units) > 0 ? other : one);
    let said = words.size.replace("%(segments)s", found.segments).replace("%(encoding)s", found.encoding).replace("%(units)s", found.units);
    if (found.odd !== null) {
      const code = `U+${found.odd.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
      said += " · " + words.odd.replace("%(character)s", () => `${found.odd} (${code})`);
    }
    place.textContent = field.value ? said : "";
  }
  field.addEventListener("input", show);
  // The selection's own script asks the server, which knows the longest values of the clients that it matches.
  document.addEventListener("selection-values", event => { values = event.detail; show(); });
  show();
})();
