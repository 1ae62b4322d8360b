for (const form of document.querySelectorAll("form[data-filter]")) {
  const rows = [...document.getElementById(form.dataset.filter).tBodies[0].rows];
  const {q, channel} = form.elements, status = form.querySelector("[role=status]");
  const filter = () => {
    const words = q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const inside = !channel || !channel.value || (row.dataset.in || "").split(" ").includes(channel.value);
      row.hidden = !inside || !words.every(word => text.includes(word));
      shown += !row.hidden;
    }
    status.textContent = shown === rows.length ? "" : `${shown} of ${rows.length}`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = false;
  filter();
}
