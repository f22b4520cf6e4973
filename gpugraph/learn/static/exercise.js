"use strict";
/* The exercises, which Python wrote into the page: check what the reader typed or chose. */
for (const box of document.querySelectorAll(".exercise")) {
  const said = box.querySelector("output");
  const field = box.querySelector("input[type=text]");
  const say = (right, text) => {
    said.textContent = text;
    said.className = right ? "right" : "wrong";
  };
  const check = () => {
    if (field) {
      const x = learn.number(field.value);
      const off = Math.abs(x - Number(box.dataset.answer));
      if (Number.isNaN(x)) say(false, "Type a number.");
      else if (off <= Number(box.dataset.tolerance)) say(true, "✓ Right.");
      else say(false, "✗ Not yet.");
    } else {
      const chosen = box.querySelector("input:checked");
      if (!chosen) say(false, "Choose one.");
      else if (chosen.value === box.dataset.answer) say(true, "✓ Right.");
      else say(false, "✗ Not yet.");
    }
  };
  box.querySelector("button").addEventListener("click", check);
  if (field) field.addEventListener("keydown", (event) => event.key === "Enter" && check());
}

/* A button for light and dark, for a projector; by default as the system has it. */
{
  const root = document.documentElement;
  const store = (value) => {
    try {
      if (value) localStorage.setItem("gpugraph-theme", value);
      return localStorage.getItem("gpugraph-theme");
    } catch {
      return null; // no storage for files, in some browsers
    }
  };
  if (store()) root.dataset.theme = store();
  const button = learn.button("◐", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    store(root.dataset.theme);
  }, { class: "theme", "aria-label": "Light or dark", title: "Light or dark" });
  document.querySelector("header").append(button);
}
