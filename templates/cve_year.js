{
  const form = document.getElementById("find"), answer = document.querySelector(".answer");
  const title = document.getElementById("list-title"), all = title.textContent;
  const table = document.getElementById("cves"), rows = [...table.tBodies[0].rows], heads = [...table.tHead.rows[0].cells];
  const {q, channel, from} = form.elements;
  const below = document.createElement("tr"), line = document.createElement("th");
  line.colSpan = heads.length;
  below.append(line);
  const isBefore = (a, b) => a.localeCompare(b, "en", {numeric: true}) < 0;
  const verdict = (cell, name) => {
    const fix = cell.querySelector("a")?.textContent, mine = from.value.trim();
    if (!fix) return `${name}: not told.`;
    const since = `${name}: fixed in ${cell.textContent.trim()}.`;
    if (!channel.value || !/^\d+\.\d+\.\d+$/.test(mine)) return since;
    return `${since} ${mine} ${isBefore(mine, fix) ? "does not have it" : "has it"}.`;
  };
  const tell = () => {
    const [id] = /CVE-\d+-\d+$/.exec(location.hash) || [], row = rows.find(row => row.id && row.id === id);
    below.remove();
    answer.textContent = id ? `No notes name ${id}. That does not mean unaffected.` : "";
    if (!row) return;
    line.textContent = heads.map((head, i) => head.dataset.channel && !head.hidden ? verdict(row.cells[i], head.textContent.trim()) : "").join(" ");
    answer.textContent = `${id}: ${line.textContent}`;
    row.after(below);
  };
  const filter = () => {
    const words = q.value.toLowerCase().split(" ").filter(Boolean);
    for (const row of rows) {
      const text = `${row.id} ${row.cells[1].textContent}`.toLowerCase();
      row.hidden = !words.every(word => text.includes(word)) || words.length && !row.id;
    }
    title.textContent = words.length ? `${rows.filter(row => row.id && !row.hidden).length} of ${all}` : all;
  };
  const columns = () => {
    heads.forEach((head, i) => {
      if (head.dataset.channel) for (const row of [table.tHead.rows[0], ...rows]) row.cells[i].hidden = channel.value && head.dataset.channel !== channel.value;
    });
    tell();
  };
  for (const {id, cells: [cell]} of rows) if (id && !cell.firstElementChild) {
    const link = document.createElement("a");
    link.href = table.dataset.record + id;
    link.textContent = id;
    cell.replaceChildren(link);
  }
  const asked = new URLSearchParams(location.search);
  from.value = asked.get("from");
  channel.value = asked.get("channel");
  channel.value ||= "";
  q.addEventListener("input", filter);
  channel.addEventListener("input", columns);
  from.addEventListener("input", tell);
  addEventListener("hashchange", tell);
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = false;
  columns();
}
