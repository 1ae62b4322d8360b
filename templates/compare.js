{
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("pair"), result = document.getElementById("result");
  const {versions, channels} = data, {from, to} = form.elements;
  const make = (name, props, ...inside) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(props)) element.setAttribute(key, value);
    element.append(...inside.filter(part => part !== null));
    return element;
  };
  const link = (href, text) => make("a", {href}, text);
  const counted = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  const size = bytes => bytes ? `${(bytes / 1048576).toFixed(1)} MiB` : "–";

  const ids = [], places = [], packages = [];
  for (const [year, steps] of Object.entries(data.ids)) {
    let number = 0;
    for (const step of steps) ids.push(`CVE-${year}-${String(number += step).padStart(4, "0")}`);
  }
  for (let i = 0; i < data.in.length; i += 2) for (let n = data.in[i + 1]; n; n--) packages.push(data.packages[data.in[i]]);
  const known = version => {
    if (places[version]) return places[version];
    const all = new Set(), seen = new Set(), todo = [version];
    while (todo.length) {
      const one = todo.pop();
      if (seen.has(one)) continue;
      seen.add(one);
      let place = 0;
      for (const step of data.own[one]) all.add(place += step);
      todo.push(...data.parents[one]);
    }
    return places[version] = all;
  };

  const table = (label, heads, rows) => make("div", {class: "scroll", role: "region", "aria-label": label, tabindex: 0},
    make("table", {}, make("thead", {}, make("tr", {}, ...heads.map(text => make("th", {scope: "col"}, text)))),
      make("tbody", {}, ...rows.map(([first, ...rest]) =>
        make("tr", {}, make("th", {scope: "row"}, first), ...rest.map(cell => make("td", {}, cell)))))));
  const numbers = text => /^v?\d+(\.\d+)*$/.test(text) ? text.replace("v", "").split(".").map(Number) : null;
  const change = (a, b) => {
    if (a === undefined) return "added";
    if (b === undefined) return "removed";
    const old = numbers(a), now = numbers(b);
    if (old && now) for (let i = 0; i < Math.max(old.length, now.length); i++) {
      const less = (now[i] ?? -1) - (old[i] ?? -1);
      if (less) return less < 0 ? "downgraded" : "updated";
    }
    return "changed";
  };
  const differences = (title, what, a, b, before, after) => {
    const names = [...new Set([...before.keys(), ...after.keys()])].sort();
    const rows = names.filter(name => before.get(name) !== after.get(name)).map(name => {
      const kind = change(before.get(name), after.get(name));
      return [name, before.get(name) ?? "–", after.get(name) ?? "–", make("span", {class: `diff ${kind}`}, kind)];
    });
    return [make("h3", {}, title), rows.length ? table(title, [what, a, b, "Change"], rows) : make("p", {}, "No difference.")];
  };
  const software = place => new Map(data.software.map((name, i) => [name, data.texts[data.has[place][i]]]).filter(pair => pair[1]));
  const fixes = found => {
    const groups = new Map(), short = make("dl", {class: "rows"});
    for (const place of found) for (const name of packages[place].length ? packages[place] : ["only in the text of notes"])
      groups.set(name, [...(groups.get(name) || []), place]);
    const parts = [...groups].sort((a, b) => b[1].length - a[1].length).map(([name, all]) => {
      const list = make("ul", {class: "ids"}), title = `${name}: ${all.length}`;
      const fill = () => list.childElementCount || list.append(...all.map(place =>
        make("li", {}, link(`../cve/${ids[place].split("-")[1]}/index.html#${ids[place]}`, ids[place]))));
      if (all.length < 6) {
        fill();
        short.append(make("div", {}, make("dt", {}, title), make("dd", {}, list)));
        return null;
      }
      const box = make("details", {}, make("summary", {}, title), list);
      box.addEventListener("toggle", fill);
      return box;
    });
    return [...parts, short];
  };
  const lists = async (a, b) => {
    const read = async place => {
      const answer = await fetch(`../api/v1/releases/${versions[place]}/packages.json`);
      if (!answer.ok) throw new Error(answer.status);
      return (await answer.json()).boards;
    };
    const [before, after] = await Promise.all([read(a), read(b)]);
    const map = board => {
      const found = new Map();
      for (const {name, version} of board) found.set(name, found.has(name) ? `${found.get(name)}, ${version}` : version);
      return found;
    };
    return Object.keys(after).filter(board => before[board]).flatMap(board =>
      differences(`Packages, ${board}`, "Package", versions[a], versions[b], map(before[board]), map(after[board])));
  };

  const named = place => data.of[place] < 0 ? versions[place] : `${channels[data.of[place]][1]} ${versions[place]}`;
  const compare = (a, b) => {
    const [A, B] = [versions[a], versions[b]], had = known(a), has = known(b);
    const gained = [...has].filter(id => !had.has(id)).sort((x, y) => x - y);
    const lost = [...had].filter(id => !has.has(id)).sort((x, y) => x - y);
    const gone = [a, b].filter(place => data.withdrawn.includes(place));
    const sizes = Object.entries(data.sizes[b] || {}).filter(([board]) => data.sizes[a]?.[board]).flatMap(([board, [image, full]]) =>
      [[`image, ${board}`, size(data.sizes[a][board][0]), size(image)], [`full update, ${board}`, size(data.sizes[a][board][1]), size(full)]]);
    const extra = make("div", {});
    if (data.listed.includes(a) && data.listed.includes(b)) lists(a, b).then(parts => extra.append(...parts), () =>
      extra.append(make("p", {}, "The lists of packages cannot be fetched here. They are at ", link(`../api/v1/releases/${A}/packages.json`, A), " and ", link(`../api/v1/releases/${B}/packages.json`, B), ".")));
    return [
      make("h2", {}, `${named(a)} → ${named(b)}`),
      ...gone.map(place => make("p", {class: "banner bad"}, `${versions[place]} is withdrawn: do not install it.`)),
      b < a ? make("p", {class: "banner warn"}, `${B} is the lower version: this is a way back.`) : null,
      make("p", {}, link(`../releases/${A}/index.html`, A), " · ", link(`../releases/${B}/index.html`, B), " · ", link(`../from/${A}/index.html`, `everything between ${A} and what its channel is at`)),
      ...differences("Software", "Software", A, B, software(a), software(b)),
      make("h3", {}, `${counted(gained.length, "CVE")} fixed`),
      make("p", {class: "note"}, `Known of ${B} and not of ${A}, by what notes tell.`),
      ...fixes(gained),
      make("h3", {}, `${counted(lost.length, "CVE")} not told`),
      make("p", {class: "note"}, `Fixed in ${A}; the notes of ${B} and of what it continues do not name them. It may have the fix all the same.`),
      ...fixes(lost),
      sizes.length ? make("h3", {}, "Sizes") : null,
      sizes.length ? table("Sizes", ["What", A, B], sizes) : null,
      extra,
    ].filter(Boolean);
  };
  const near = text => {
    const asked = text.split(".").map(part => parseInt(part, 10) || 0);
    const parts = version => version.split(".").map(Number);
    const far = version => parts(version).reduce((sum, part, i) => sum * 1e4 + Math.min(9999, Math.abs(part - (asked[i] ?? 0))), 0);
    return [...versions].sort((a, b) => far(a) - far(b)).slice(0, 4);
  };
  const go = () => { location.search = new URLSearchParams({from: from.value.trim(), to: to.value.trim()}); };

  form.addEventListener("submit", event => { event.preventDefault(); go(); });
  document.getElementById("swap").addEventListener("click", () => {
    [from.value, to.value] = [to.value, from.value];
    go();
  });
  document.getElementById("versions").append(...[...versions].reverse().map(value => make("option", {value})));
  form.hidden = false;
  const query = new URLSearchParams(location.search);
  from.value = query.get("from") || "";
  to.value = query.get("to") || "";
  if (from.value) {
    const a = versions.indexOf(from.value.trim());
    if (!to.value && channels[data.of[a]]) to.value = versions[channels[data.of[a]][2]] || "";
    const b = versions.indexOf(to.value.trim()), wrong = [from, to].filter(field => field.value && !versions.includes(field.value.trim()));
    result.append(...wrong.map(field => make("p", {class: "banner warn"}, `${field.value} is no release known here. Near it: `,
      ...near(field.value).flatMap((version, i) => [i ? ", " : "", link(`?${new URLSearchParams({from: from.value, to: to.value, [field.name]: version})}`, version)]))));
    if (a >= 0 && b >= 0) result.append(...compare(a, b));
    else if (!wrong.length) result.append(make("p", {class: "banner warn"}, `Choose what to compare ${versions[a]} with.`));
    result.hidden = false;
  }
}
