{
  const form = document.getElementById("find"), answer = document.querySelector(".answer");
  const title = document.getElementById("list-title"), all = title.textContent;
  const table = document.getElementById("cves"), rows = [...table.tBodies[0].rows], heads = [...table.tHead.rows[0].cells];
  const {q, channel, from} = form.elements;
  const below = document.createElement("tr"), line = document.createElement("th");
  line.colSpan = heads.length;
  below.append(line);
  const link = (href, textContent) => Object.assign(document.createElement("a"), {href, textContent});
  const told = (cell, name) => {
    const text = cell.textContent.trim();
    if (text > "a") return `${name}: ${text > "~" ? "not told" : text}.`;  // an en dash, or what is mentioned
    return `${name}: fixed in ${text}.${channel.value && ` Every ${name} release from there on has it.`}`;
  };
  const tell = () => {
    const [id] = /CVE-\d+-\d+$/.exec(location.hash) || [], row = rows.find(row => row.id && row.id === id);
    below.remove();
    answer.textContent = id ? `No notes name ${id}. That does not mean unaffected.` : "";
    if (!row) return;
    line.textContent = heads.map((head, i) => head.dataset.channel && !head.hidden ? told(row.cells[i], head.textContent.trim()) : "").join(" ");
    answer.textContent = `${id}: ${line.textContent} `;
    const [mine] = /\d+\.\d+\.\d+/.exec(from.value) || [];
    if (mine) answer.append(link(`../../from/${mine}/index.html`, `What ${mine} gets`));
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
  for (const {id, cells: [cell]} of rows) if (id && !cell.firstElementChild) cell.replaceChildren(link(table.dataset.record + id, id));
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
