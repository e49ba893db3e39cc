// The trades table: sorted by its headings, filtered by any text, joined to the price chart by order number.
"use strict";
(() => {
  const { byId, element, say } = Rookery;
  const table = byId("trade-table");
  if (!table) return;
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const plain = (cell) => Number(cell.textContent.replace("−", "-").replace(/[^\d.eE+-]/g, ""));
  let rows, texts;

  function sort(column, ascending) {
    const numeric = headings[column].classList.contains("num");
    const key = (row) => (numeric ? plain(row.cells[column]) : row.cells[column].textContent);
    const keyed = rows.map((row) => [key(row), row]);
    keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (ascending ? 1 : -1));
    body.append(...keyed.map(([, row]) => row));
    for (const heading of headings) heading.removeAttribute("aria-sort");
    headings[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
    say(`sorted by ${headings[column].textContent}, ${ascending ? "ascending" : "descending"}`);
  }

  function filter() {
    const wanted = byId("trade-filter").value.trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !texts[index].includes(wanted);
      shown += row.hidden ? 0 : 1;
    });
    byId("trade-count").textContent = `${shown.toLocaleString("en-US")} of ${rows.length.toLocaleString("en-US")} rows`;
  }

  function joinToChart() {
    const known = new Set(Rookery.figures.orders.marks.map(([id]) => String(id)));
    for (const row of rows) {
      const cell = row.cells[0];
      const number = cell.textContent.replace(/,/g, "");
      if (!known.has(number)) continue;
      cell.replaceChildren(element("button", cell.textContent, { type: "button", "aria-label": `Order ${number} on the chart` }));
    }
    body.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) Rookery.showOrder(Number(button.textContent.replace(/,/g, "")));
    });
  }

  Rookery.drawSoon(table.parentElement, () => {
    rows = [...body.rows];
    texts = rows.map((row) => row.textContent.toLowerCase());
    headings.forEach((heading, column) => {
      const button = element("button", "", { type: "button" });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(column, heading.getAttribute("aria-sort") !== "ascending"));
    });
    if (Rookery.figures.orders) joinToChart();
    byId("trade-filter").addEventListener("input", filter);
    filter();
    // Left out of the first layout by the style sheet; now there is time for it.
    table.parentElement.style.contentVisibility = "visible";
  });
})();
