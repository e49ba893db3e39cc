// Tables: sorted by their headings, filtered by any text, joined to the price chart by order number.
"use strict";
(() => {
  const { byId, element, say } = Rookery;
  const plain = (cell) => Number(cell.textContent.replace("−", "-").replace(/[^\d.eE+-]/g, ""));
  const counted = (number) => number.toLocaleString("en-US");

  function sort(table, rows, headings, column, ascending) {
    const numeric = headings[column].classList.contains("num");
    const key = (row) => (numeric ? plain(row.cells[column]) : row.cells[column].textContent);
    const keyed = rows.map((row) => [key(row), row]);
    keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (ascending ? 1 : -1));
    table.tBodies[0].append(...keyed.map(([, row]) => row));
    for (const heading of headings) heading.removeAttribute("aria-sort");
    headings[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
    say(`sorted by ${headings[column].textContent}, ${ascending ? "ascending" : "descending"}`);
  }

  function filter(id, rows, texts) {
    const wanted = byId(`${id}-filter`).value.trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !texts[index].includes(wanted);
      shown += row.hidden ? 0 : 1;
    });
    byId(`${id}-count`).textContent = `${counted(shown)} of ${counted(rows.length)} rows`;
  }

  function joinToChart(table, rows) {
    const known = new Set(Rookery.figures.orders.marks.map(([id]) => String(id)));
    for (const cell of rows.flatMap((row) => [...row.cells].slice(0, table.dataset.orders))) {
      const number = cell.textContent.replace(/,/g, "");
      if (!known.has(number)) continue;
      cell.replaceChildren(element("button", cell.textContent, { type: "button", "aria-label": `Order ${number} on the chart` }));
    }
    table.tBodies[0].addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) Rookery.showOrder(Number(button.textContent.replace(/,/g, "")));
    });
  }

  function makeSortable(table, rows) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = element("button", "", { type: "button" });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(table, rows, headings, column, heading.getAttribute("aria-sort") !== "ascending"));
    });
  }

  function bring(table) {
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const id = table.dataset.filtered;
    if (table.classList.contains("ledger")) makeSortable(table, rows);
    if (table.dataset.orders && Rookery.figures.orders) joinToChart(table, rows);
    byId(`${id}-filter`).addEventListener("input", () => filter(id, rows, texts));
    filter(id, rows, texts);
    // Left out of the first layout by the style sheet; now there is time for it.
    table.parentElement.style.contentVisibility = "visible";
  }

  for (const table of document.querySelectorAll("table[data-filtered]")) Rookery.drawSoon(table.parentElement, () => bring(table));
})();
