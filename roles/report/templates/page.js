(() => {
  "use strict";
  // More rows than these take a browser seconds to lay out; the others are shown when they are asked for.
  const MOST_SHOWN = 500;
  const keyOf = (cell, isFigure) => {
    const value = cell.dataset.value ?? cell.textContent.trim().toLowerCase();
    return isFigure ? (value === "" ? -Infinity : Number(value)) : value;
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const form = document.querySelector(`form[data-filters="${table.id}"]`);
    const [count, more] = [form.querySelector("output"), form.querySelector("button")];
    let most = MOST_SHOWN;
    const show = () => {
      const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const status = form.elements.status.value;
      let found = 0;
      for (const row of rows) {
        const text = texts.get(row);
        const fits = (!status || row.dataset.status === status) && words.every((word) => text.includes(word));
        found += fits ? 1 : 0;
        row.hidden = !fits || found > most;
      }
      more.hidden = found <= most;
      count.textContent = `${found} of ${rows.length}` + (found > most ? `, the first ${most} shown` : "");
    };
    for (const event of ["input", "change"]) form.addEventListener(event, show);
    form.addEventListener("submit", (event) => event.preventDefault());
    more.addEventListener("click", () => {
      most = Infinity;
      show();
    });
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
        show();
      });
    }
    form.hidden = false;
    show();
  }
})();
