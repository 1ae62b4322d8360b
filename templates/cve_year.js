{
  const form = document.getElementById("find"), answer = document.querySelector(".answer");
  const table = document.getElementById("cves"), rows = [...table.querySelectorAll("tbody tr[id]")];
  const heads = [...table.tHead.rows[0].cells];
  const title = document.getElementById("list-title"), all = title.textContent;
  const again = [...table.querySelectorAll(".again")];
  const line = document.createElement("td"), strong = document.createElement("strong"), below = document.createElement("tr");
  line.colSpan = heads.length;
  line.append(strong);
  below.append(line);
  const {q, channel, from} = form.elements;
  const parse = text => /^\d{1,9}\.\d{1,9}\.\d{1,9}$/.test(text.trim()) ? text.trim().split(".").map(Number) : null;
  const isBefore = (a, b) => {
    for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return a[i] < b[i];
    return false;
  };
  const verdict = (cell, name) => {
    const link = cell.querySelector("a"), mine = parse(from.value);
    if (!link) return `${name}: not told.`;
    const fix = link.textContent, note = cell.textContent.slice(fix.length);
    if (!mine || !channel.value) return `${name}: since ${fix}${note}.`;
    return isBefore(mine, parse(fix))
      ? `${name}: fixed in ${fix}${note}. ${from.value.trim()} does not have it: update.`
      : `${name}: fixed since ${fix}${note}. ${from.value.trim()} has it.`;
  };
  const tell = () => {
    const id = decodeURIComponent(location.hash.slice(1)), row = /^CVE-\d{4}-\d{4,19}$/.test(id) && document.getElementById(id);
    below.remove();
    answer.textContent = /^CVE-/.test(id) && !row ? `No notes name ${id}. That does not mean unaffected.` : "";
    if (!row) return;
    const told = heads.map((head, i) => head.dataset.channel && !head.hidden && verdict(row.cells[i], head.textContent.trim()));
    answer.textContent = `${id}. ${told.filter(Boolean).join(" ")}`;
    strong.textContent = told.filter(Boolean).join(" ");
    row.after(below);
  };
  const filter = () => {
    const words = q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
      shown += !row.hidden;
    }
    for (const row of again) row.hidden = words.length > 0;
    title.textContent = words.length ? `${shown} of ${all}` : all;
  };
  const columns = () => heads.forEach((head, i) => {
    const hide = Boolean(head.dataset.channel && channel.value && head.dataset.channel !== channel.value);
    if (head.hidden === hide) return;
    head.hidden = hide;
    for (const row of [...rows, ...again]) row.cells[i].hidden = hide;
  });
  for (const {id, cells: [cell]} of rows) {
    if (cell.firstElementChild) break;
    const link = document.createElement("a");
    link.href = table.dataset.record + id;
    link.textContent = id;
    cell.replaceChildren(link);
  }
  const asked = new URLSearchParams(location.search);
  if (asked.get("from")) from.value = asked.get("from");
  if (heads.some(head => head.dataset.channel === asked.get("channel"))) channel.value = asked.get("channel");
  q.addEventListener("input", filter);
  channel.addEventListener("change", () => { columns(); tell(); });
  from.addEventListener("input", tell);
  addEventListener("hashchange", tell);
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = false;
  columns();
  tell();
}
