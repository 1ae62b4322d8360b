{
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("pair"), result = document.getElementById("result");
  const {versions, channels, own, parents, packages} = data, {from, to} = form.elements;
  const make = (name, props, ...inside) => {
    const element = document.createElement(name);
    for (const key in props) element.setAttribute(key, props[key]);
    element.append(...inside.flat(2));
    return element;
  };
  const dict = pairs => ({__proto__: null, ...Object.fromEntries(pairs || [])});  // names may be "constructor"
  const link = (href, text) => make("a", {href}, text);
  const banner = (level, ...inside) => make("p", {class: "banner " + level}, ...inside);

  const ids = [], inside = [], known = [];
  for (const year in data.ids) {
    let number = 0;
    for (const step of data.ids[year]) ids.push(`CVE-${year}-${String(number += step).padStart(4, 0)}`);
  }
  for (let i = 0; i < data.in.length; i += 2) for (let n = data.in[i + 1]; n--;) inside.push(packages[data.in[i]]);
  versions.forEach((_, version) => {
    const all = known[version] = new Set(parents[version].flatMap(parent => [...known[parent]]));
    let place = 0;
    for (const step of own[version]) all.add(place += step);
  });

  const table = (title, heads, rows) => [make("h3", {}, title), rows.length
    ? make("div", {class: "scroll", role: "region", "aria-label": title, tabindex: 0}, make("table", {},
      make("thead", {}, make("tr", {}, heads.map(head => make("th", {scope: "col"}, head)))),
      make("tbody", {}, rows.map(row => make("tr", {}, row.map((cell, i) => i ? make("td", {}, cell) : make("th", {scope: "row"}, cell)))))))
    : make("p", {}, "No difference.")];
  const change = (a, b) => {
    if (!a) return "added";
    if (!b) return "removed";
    if (!/^[\d.]+ [\d.]+$/.test(`${a} ${b}`)) return "changed";
    return a.localeCompare(b, "en", {numeric: true}) > 0 ? "downgraded" : "updated";
  };
  const differences = (title, a, b, before, after) => table(title, ["Name", a, b, "Change"],
    [...new Set([...Object.keys(after), ...Object.keys(before)])].filter(name => before[name] !== after[name]).sort().map(name => {
      const kind = change(before[name], after[name]);
      return [name, before[name] || "–", after[name] || "–", make("span", {class: "diff " + kind}, kind)];
    }));
  const software = place => dict(data.software.map((name, i) => [name, data.texts[data.has[place][i]]]).filter(pair => pair[1]));
  const fixes = (title, note, a, b) => {
    const found = [...known[b]].filter(id => !known[a].has(id)), groups = dict(), short = make("dl", {class: "rows"});
    for (const place of found.sort((a, b) => a - b)) for (const name of inside[place].length ? inside[place] : ["without a package in the notes"]) (groups[name] ||= []).push(place);
    return [make("h3", {}, `${found.length} CVEs ${title}`), make("p", {class: "note"}, note),
      Object.entries(groups).sort((a, b) => b[1].length - a[1].length).flatMap(([name, all]) => {
        const list = make("ul", {class: "ids"}), label = name + ": " + all.length;
        const fill = () => list.firstChild || list.append(...all.map(place => make("li", {}, link(`../cve/${ids[place].slice(4, 8)}/index.html#${ids[place]}`, ids[place]))));
        if (all.length < 6) {
          fill();
          short.append(make("div", {}, make("dt", {}, label), make("dd", {}, list)));
          return [];
        }
        const box = make("details", {}, make("summary", {}, label), list);
        box.addEventListener("toggle", fill);
        return box;
      }), short];
  };
  const size = bytes => bytes ? `${(bytes / 1048576).toFixed(1)} MiB` : "–";
  const sizes = (a, b, before, after) => before && after ? table("Sizes", ["Name", a, b],
    Object.keys(after).filter(board => before[board]).flatMap(board => ["Image", "Full update"].map((what, i) =>
      [what + ", " + board, size(before[board][i]), size(after[board][i])]))) : [];
  const lists = async (box, pair) => {
    try {
      const [before, after] = await Promise.all(pair.map(async version => {
        const {boards} = await (await fetch(`../api/v1/releases/${version}/packages.json`)).json(), found = dict();
        for (const board in boards) for (const {name, version} of boards[board]) {
          const list = found[board] ||= dict();
          list[name] = list[name] ? `${list[name]}, ${version}` : version;
        }
        return found;
      }));
      for (const board in after) if (before[board]) box.append(...differences(`Packages, ${board}`, ...pair, before[board], after[board]));
    } catch {
      box.append("Package lists cannot be read here.");
    }
  };
  const compare = (a, b) => {
    const both = [a, b], pair = both.map(place => versions[place]), [A, B] = pair, box = make("div");
    both.every(place => data.listed.includes(place)) && lists(box, pair);
    result.append(...[
      make("h2", {}, both.map(place => `${channels[data.of[place]]?.[1] || ""} ${versions[place]}`).join(" → ")),
      both.filter(place => data.withdrawn.includes(place)).map(place => banner("bad", `${versions[place]} is withdrawn: do not install it.`)),
      b < a ? banner("warn", `${B} is the lower version.`) : [],
      make("p", {}, pair.map(version => [link(`../releases/${version}/index.html`, version), " · "]), link(`../from/${A}/index.html`, `all from ${A} on`)),
      differences("Software", A, B, software(a), software(b)),
      fixes("fixed", `Known of ${B} and not of ${A}, by what notes tell.`, a, b),
      fixes("not told", `Of ${A} and not of ${B}, which may have them all the same.`, b, a),
      sizes(A, B, data.sizes[a], data.sizes[b]),
      box].flat(3));
  };
  const value = text => (text + "..").split(".", 3).reduce((sum, part) => sum * 1e4 + (+part || 0), 0);
  const near = field => [...versions].sort((a, b) => Math.abs(value(a) - value(field.value)) - Math.abs(value(b) - value(field.value)))
    .slice(0, 4).map(version => [" ", link(`?${new URLSearchParams({from: from.value, to: to.value, [field.name]: version})}`, version)]);

  document.getElementById("swap").addEventListener("click", () => { [from.value, to.value] = [to.value, from.value]; form.submit(); });
  document.getElementById("versions").append(...versions.map(value => make("option", {value})).reverse());
  form.hidden = false;
  const query = new URLSearchParams(location.search);
  for (const field of [from, to]) field.value = (query.get(field.name) || "").trim();
  const a = versions.indexOf(from.value);
  if (!to.value) to.value = versions[channels[data.of[a]]?.[2]] || "";
  const b = versions.indexOf(to.value);
  if (a >= 0 && b >= 0) compare(a, b);
  else for (const field of [from, to]) if (field.value && !versions.includes(field.value))
    result.append(banner("warn", `${field.value} is not known. Near it:`, near(field)));
  result.hidden = !result.firstChild;
}
