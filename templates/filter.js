for (const form of document.querySelectorAll("form[data-filter]")) {
  const rows = [...document.getElementById(form.dataset.filter).tBodies[0].rows], {q, channel} = form.elements;
  form.addEventListener("input", () => {
    const words = q.value.toLowerCase().split(" ");
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase(), inside = ` ${row.dataset.in} `.includes(` ${channel?.value} `);
      row.hidden = channel?.value && !inside || !words.every(word => text.includes(word));
      shown += !row.hidden;
    }
    form.querySelector("output").textContent = `${shown} of ${rows.length}`;
  });
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = false;
}
