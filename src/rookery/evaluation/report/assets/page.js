// Theme, contents, copying and paper: what every page has. Figures come from the record and are never recomputed.
"use strict";
const Rookery = (() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const listeners = [];
  const byId = (id) => document.getElementById(id);
  const figures = JSON.parse(byId("figures").textContent);
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  function say(text) {
    byId("spoken").textContent = text;
  }

  function element(tag, text, attributes = {}) {
    const made = document.createElement(tag);
    if (text !== "") made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  function themeChanged() {
    byId("theme-name").textContent = isDark() ? "Light" : "Dark";
    for (const listener of listeners) listener();
  }

  function toggleTheme() {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("rookery-theme", root.dataset.theme); } catch { /* no storage: lasts until closed */ }
    themeChanged();
    say(`${root.dataset.theme} theme`);
  }

  function followContents() {
    const links = new Map([...document.querySelectorAll(".contents a")].map((one) => [one.hash.slice(1), one]));
    const observer = new IntersectionObserver((entries) => {
      const top = entries.filter((one) => one.isIntersecting).pop();
      if (!top || !links.has(top.target.id)) return;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(top.target.id).setAttribute("aria-current", "true");
    }, { rootMargin: "-12% 0px -80% 0px" });
    for (const section of document.querySelectorAll("main > section")) observer.observe(section);
  }

  async function copy(button) {
    const text = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      button.textContent = "Selected";
    }
    say(button.textContent);
  }

  // Closed parts are opened for paper and closed again after.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:is(.figures, .probe):not([open], .screen-only)")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });

  system.addEventListener("change", themeChanged);
  byId("theme").addEventListener("click", toggleTheme);
  byId("print").addEventListener("click", () => print());
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "t" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) toggleTheme();
  });
  for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button));
  themeChanged();
  followContents();
  // What is far below is drawn when it comes near, or when the browser has nothing else to do.
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));
  const waiting = new Map();
  const near = new IntersectionObserver((entries) => {
    for (const one of entries) if (one.isIntersecting) drawNow(one.target);
  }, { rootMargin: "300px" });

  function drawNow(target) {
    const work = waiting.get(target);
    if (!work) return;
    waiting.delete(target);
    near.unobserve(target);
    work();
  }

  function drawSoon(target, work) {
    waiting.set(target, work);
    near.observe(target);
    idle(() => drawNow(target));
  }

  return { figures, drawNow, drawSoon, byId, colour, say, element, onTheme: (listener) => listeners.push(listener) };
})();
