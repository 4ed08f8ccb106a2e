(() => {
  "use strict";
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const $ = (selector, root = document) => root.querySelector(selector);
  const density = JSON.parse($("#density-data").textContent);
  const tabs = $$('[role="tab"]');
  const live = $("#live");
  let group = 0;

  /* One attack is current on the whole page: tabs and selects show the same choice. */
  function setAttack(key, speak) {
    document.body.dataset.attack = key;
    for (const part of $$("[data-for]")) part.hidden = part.dataset.for !== key;
    for (const tab of tabs) {
      const on = tab.dataset.key === key;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      if (on && speak) live.textContent = `Showing ${tab.textContent}`;
    }
    for (const select of $$("[data-attack-select]")) select.value = key;
    for (const row of $$(".row-back")) row.classList.toggle("is-current", row.dataset.row === key);
    for (const row of $$(".map-row")) {
      const top = (density.rows || {})[row.dataset.row];
      if (top && top[key]) $(".ramp-top", row).textContent = top[key];
    }
  }

  function onTabKey(event) {
    const at = tabs.indexOf(event.currentTarget);
    const next = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const tab = tabs[(next + tabs.length) % tabs.length];
    tab.focus();
    setAttack(tab.dataset.key, true);
  }

  /* Every density sprite holds all groups below one another; a map without the group shows all images. */
  function setGroup(index, speak) {
    group = index;
    const chosen = (density.groups || [])[index];
    if (!chosen) return;
    for (const figure of $$(".density")) {
      const there = index < Number(figure.dataset.n);
      const stats = JSON.parse(figure.dataset.stats)[there ? index : 0];
      const unit = figure.closest(".map-row").dataset.row;
      const write = (value) => unit === "energy" ? `${(255 * value).toFixed(2)}/255`
        : unit === "mean" ? value.toFixed(3) : `${(100 * value).toFixed(1)}\u202f%`;
      const image = $("img", figure);
      image.style.setProperty("--i", there ? index : 0);
      const name = there ? chosen.label : "all together";
      const summary = `peak ${write(stats[0])}, mean ${write(stats[1])}`;
      image.alt = `${figure.dataset.label}, ${name}: ${summary}; peak at row ${stats[2]}, column ${stats[3]}`;
      $(".stat", figure).textContent = there ? summary : `${summary} (all together: not split by ${chosen.kind})`;
    }
    if (speak) live.textContent = `Densities of ${chosen.label}`;
  }

  for (const tab of tabs) {
    tab.addEventListener("click", () => setAttack(tab.dataset.key, true));
    tab.addEventListener("keydown", onTabKey);
  }
  for (const select of $$("[data-attack-select]")) select.addEventListener("change", () => setAttack(select.value, true));
  $("#group")?.addEventListener("change", (event) => setGroup(Number(event.target.value), true));
  $("#outlines")?.addEventListener("change", (event) => document.body.classList.toggle("no-outlines", !event.target.checked));
  $("#opacity")?.addEventListener("input", (event) => {
    document.documentElement.style.setProperty("--overlay", event.target.value / 100);
    $("#opacity-value").textContent = `${event.target.value}\u202f%`;
    event.target.setAttribute("aria-valuetext", `${event.target.value} per cent`);
  });
  for (const radio of $$('input[name="show"]')) {
    radio.addEventListener("change", () => { document.body.dataset.show = radio.value; });
  }
  addEventListener("beforeprint", () => { for (const part of $$("details")) part.open = true; });
  if (document.body.dataset.attack) setAttack(document.body.dataset.attack, false);
  setGroup(group, false);
})();
