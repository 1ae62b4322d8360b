{
  const form = document.querySelector("#lookup form"), answer = document.querySelector(".answer");
  const years = [...document.querySelectorAll("#years th a")];
  const look = asked => {
    const match = /^(?:CVE-)?(\d{4})-(\d{4,19})$/i.exec((asked.get("id") || "").trim());
    if (!match) {
      answer.textContent = "An id is a year and a number, like CVE-2024-6387.";
      return;
    }
    const id = `CVE-${match[1]}-${match[2]}`, year = years.find(link => link.textContent === match[1]);
    if (!year) {
      answer.textContent = `No notes name ${id}, or any CVE of that year. That does not mean unaffected.`;
      return;
    }
    const rest = new URLSearchParams();
    for (const name of ["channel", "from"]) if (asked.get(name)) rest.set(name, asked.get(name));
    const query = rest.toString();
    location.assign(`${year.getAttribute("href")}${query && "?" + query}#${id}`);
  };
  form.addEventListener("submit", event => {
    event.preventDefault();
    look(new FormData(form));
  });
  const asked = new URLSearchParams(location.search);
  for (const name of ["id", "from"]) if (asked.get(name)) form.elements[name].value = asked.get(name);
  if (asked.get("id")) look(asked);
}
