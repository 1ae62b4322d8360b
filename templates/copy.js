if (navigator.clipboard) {
  const status = document.createElement("p");
  status.className = "unseen";
  status.setAttribute("role", "status");
  document.body.append(status);
  for (const block of document.querySelectorAll("pre[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain copy";
    button.textContent = "Copy";
    const label = block.getAttribute("aria-label");
    if (label) {
      const more = document.createElement("span");
      more.className = "unseen";
      more.textContent = ` ${label}`;
      button.append(more);
    }
    button.addEventListener("click", () => navigator.clipboard.writeText(block.textContent).then(
      () => { status.textContent = "Copied"; button.firstChild.data = "Copied"; setTimeout(() => { status.textContent = ""; button.firstChild.data = "Copy"; }, 3000); },
      () => { status.textContent = "Not copied: select the text instead"; },
    ));
    block.before(button);
  }
}
