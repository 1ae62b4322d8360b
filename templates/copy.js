if (navigator.clipboard) {
  const make = (name, className, text) => Object.assign(document.createElement(name), {className, textContent: text});
  const status = make("p", "unseen", "");
  status.setAttribute("role", "status");
  document.body.append(status);
  for (const block of document.querySelectorAll("pre[data-copy]")) {
    const button = make("button", "plain copy", "Copy");
    button.append(make("span", "unseen", ` ${block.ariaLabel || ""}`));
    const say = text => { status.textContent = button.firstChild.data = text; };
    button.addEventListener("click", () => navigator.clipboard.writeText(block.textContent).then(
      () => say("Copied"), () => say("Not copied")));
    block.before(button);
  }
}
