"use strict";
// How many SMS the text takes while it is written: the rules of domain/segments.py and domain/personal_text.py, whose table stands in the page.
(() => {
  const placeholders = table => new RegExp(`(\\$+)\\{(?:(${table.name})(?:\\|([^{}]*))?\\})?`, "g");

  // A text with placeholders filled: `values` by name, else the default, else one question mark.
  function fill(text, values, table) {
    return text.replace(placeholders(table), (whole, dollars, name, byDefault) => {
      const plain = "$".repeat(Math.floor(dollars.length / 2));
      if (dollars.length % 2 === 0) return plain + "{" + whole.slice(dollars.length + 1);
      if (name === undefined) return whole; // not finished yet
      return plain + (values[name.normalize()] || (byDefault ?? "?"));
    });
  }

  const asking = (text, table) => [...text.matchAll(placeholders(table))].filter(([, dollars, name]) => name !== undefined && dollars.length % 2);
  const names = (text, table) => [...new Set(asking(text, table).map(([, , name]) => name.normalize()))].sort();

  // What makes the text largest: the longest value of each name, and the longest that is not GSM's where there is one. `known` has both by
  // name, and whether a client lacks it: a default counts then. The rule of services/text_checks.py.
  function largest(text, known, table) {
    const gsm = new Set(table.gsm + table.extension), size = each => [...each].length;
    const asked = asking(text, table);
    const required = new Set(asked.filter(([, , , byDefault]) => byDefault === undefined).map(([, , name]) => name.normalize()));
    const longest = Object.create(null), odd = Object.create(null); // a name may be __proto__
    for (const [, , asIs] of asked) {
      const name = asIs.normalize();
      const [value, oddValue, lacked] = Object.hasOwn(known, name) ? known[name] : ["", null, true];
      const defaults = lacked && !required.has(name) ? asked.filter(each => each[2].normalize() === name).map(each => each[3]) : [];
      const byDefault = defaults.reduce((one, other) => size(other) > size(one) ? other : one, "");
      longest[name] = (size(byDefault) > size(value) ? byDefault : value) || (required.has(name) ? "?" : "");
      odd[name] = oddValue ?? ([...byDefault].some(each => !gsm.has(each)) ? byDefault : longest[name]);
    }
    return [longest, odd];
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

  if (typeof module !== "undefined") { module.exports = { fill, count, largest }; return; }

  const place = document.getElementById("text-size"), field = document.getElementById("text");
  const table = JSON.parse(place.dataset.table), words = JSON.parse(place.dataset.words);
  let known = {}; // by name: the longest value, the longest that is not in the GSM alphabet, whether a client lacks it
  field.closest(".mb-3").append(place);
  function show() {
    const text = field.value.replace(/\r\n/g, "\n");
    const asked = names(text, table).slice(0, 50).join();
    if (asked !== (field.dataset.names ?? "")) {
      field.dataset.names = asked;
      document.dispatchEvent(new CustomEvent("text-names"));
    }
    const counts = largest(text, known, table).map(each => count(fill(text, each, table), table));
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
  document.addEventListener("selection-values", event => { known = event.detail; show(); });
  show();
})();
