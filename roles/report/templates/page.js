(() => {
  "use strict";
  const keyOf = (cell, isFigure) => {
    const value = cell.dataset.value ?? cell.textContent.trim().toLowerCase();
    return isFigure ? (value === "" ? -Infinity : Number(value)) : value;
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    for (const button of table.tHead.querySelectorAll("button")) {
      button.addEventListener("click", () => {
        const head = button.closest("th");
        const rises = head.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", rises ? "ascending" : "descending");
        const isFigure = head.classList.contains("figure");
        const keys = new Map(rows.map((row) => [row, keyOf(row.cells[head.cellIndex], isFigure)]));
        rows.sort((one, other) => {
          const [a, b] = [keys.get(one), keys.get(other)];
          return (a < b ? -1 : a > b ? 1 : 0) * (rises ? 1 : -1);
        });
        const all = document.createDocumentFragment();
        for (const row of rows) all.append(row);
        body.append(all);
      });
    }
    const form = document.querySelector(`form[data-filters="${table.id}"]`);
    if (!form) continue;
    form.hidden = false;
    const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const count = form.querySelector("output");
    const filter = () => {
      const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const status = form.elements.status.value;
      let shown = 0;
      for (const row of rows) {
        const text = texts.get(row);
        const fits = (!status || row.dataset.status === status) && words.every((word) => text.includes(word));
        row.hidden = !fits;
        shown += fits ? 1 : 0;
      }
      count.textContent = `${shown} of ${rows.length}`;
    };
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    filter();
  }
})();
