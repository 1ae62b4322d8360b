{
  const form = document.querySelector("#lookup form");
  const look = asked => {
    const [, year, number] = /^(?:CVE-)?(\d{4})-(\d{4,19})$/i.exec(asked.get("id").trim()) || [];
    const link = [...document.querySelectorAll("#years th a")].find(link => link.textContent === year);
    asked.delete("id");
    if (link) location.href = `${link.getAttribute("href")}?${asked}#CVE-${year}-${number}`;
    else document.querySelector(".answer").textContent = year
      ? `No notes name a CVE of ${year}. That does not mean unaffected.`
      : "Not an id like CVE-2024-6387.";
  };
  form.addEventListener("submit", event => { event.preventDefault(); look(new URLSearchParams(new FormData(form))); });
  const asked = new URLSearchParams(location.search);
  for (const name of ["id", "from"]) form.elements[name].value = asked.get(name);
  if (asked.get("id")) look(asked);
}
